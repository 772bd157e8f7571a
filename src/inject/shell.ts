// What the scripts that write on a host have in common: who writes, how a file is replaced, one at a time, and how it is left.
//
//   `told` prints a line: a word, a tab, a value. `fail CODE WHY` is the last of them.
//
// Rules
// - POSIX sh and what every Linux has, busybox included.
// - A file is replaced by a rename, with mode and owner as they are to be; in place only where a rename would lose what it is: another
//   name of the same file, an owner that cannot be given, a directory that cannot be written.
// - One script at a time for each user: a link whose target is the process and when it was started. That of a dead process is taken over.
// - Directories that are made are listed in `made` first, for whoever leaves last.
import { shellQuote } from "../../protocol/shell.ts";

export interface Place {
  readonly id: string;
  /** Has the folders of all debugtaps of this user. */
  readonly base: string;
  readonly shared: string | null;
  /** Directories that were made: the outermost first. */
  readonly made: readonly { readonly path: string; readonly sudo: boolean }[];
}

export function prelude({ id, base, shared, made }: Place): string {
  return `umask 077; LC_ALL=C; export LC_ALL; uid=$(id -u); id=${id}; base=${shellQuote(base)}; folder=$base/$id; shared=${shellQuote(shared ?? "")}
outer=${shellQuote(made.map(({ path, sudo }) => `${sudo ? "sudo" : "-"} ${path}`).join("\n"))}
${functions}`;
}

const functions = String.raw`
told() { printf '%s\t%s\n' "$1" "$2"; }
fail() { told fail "$1 $2"; exit 1; }
as() { who=$1; shift; if [ "$who" = sudo ] && [ "$uid" != 0 ]; then sudo -n "$@"; else "$@"; fi; }
sum() { if as "$1" test -e "$2" </dev/null; then as "$1" cat "$2" </dev/null | sha256sum | cut -c 1-64; else echo absent; fi; }
root_needed() { [ "$uid" = 0 ] || sudo -n true </dev/null 2>/dev/null || { [ -t 0 ] && sudo -v; } || fail sudo "$*"; }

# put WHO PATH SOURCE MODE OWNER
put() {
  next="$2.debugtap-$id.new"
  if [ "$(as "$1" stat -c %h "$2" 2>/dev/null || echo 1)" != 1 ] ||
    ! as "$1" sh -c 'umask 077; : >"$1"' sh "$next" 2>/dev/null || ! as "$1" chown "$5" "$next" 2>/dev/null; then
    as "$1" rm -f "$next" 2>/dev/null
    as "$1" sh -c 'cat >"$1"' sh "$2" <"$3"; return
  fi
  as "$1" sh -c 'cat >"$1"' sh "$next" <"$3" && as "$1" chmod "$4" "$next" && as "$1" mv -f "$next" "$2"
}

# make WHO DIR
make() {
  dir=$2; missing=
  while [ "$dir" != / ] && ! as "$1" test -d "$dir"; do missing="$1 $dir
$missing"; dir=$(dirname "$dir"); done
  [ -z "$missing" ] && return 0
  [ -d "$base" ] && printf '%s' "$missing" >>"$base/made"
  if [ "$1" = sudo ]; then as sudo sh -c 'umask 022; mkdir -p "$1"' sh "$2"; else mkdir -p "$2"; fi || return 1
  printf '%s\n' "$missing" | grep -qxF -e "$1 $base" && printf '%s' "$missing" >>"$base/made"
  return 0
}

started() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20; }
take_lock() {
  lock="$base/lock"; own="$$-$(started $$)"; tries=0
  [ -h "$base" ] && fail place "$base is a link"
  until make - "$base" && ln -s "$own" "$lock" 2>/dev/null; do
    [ -n "$(find "$base" -prune -user "$uid" -perm -300 2>/dev/null)" ] || [ "$uid" = 0 ] || fail place "$base cannot be written"
    held=$(readlink "$lock") || { tries=$((tries + 1)); [ $tries -lt 60 ] || fail place "$base cannot be written"; continue; }
    if [ "$(started "${"$"}{held%%-*}")" != "${"$"}{held#*-}" ]; then
      mv "$lock" "$lock.$$" 2>/dev/null || continue
      if [ "$(readlink "$lock.$$")" = "$held" ]; then rm -f "$lock.$$"; else mv "$lock.$$" "$lock"; fi
      continue
    fi
    tries=$((tries + 1)); [ $tries -lt 60 ] || fail busy "process ${"$"}{held%%-*}"; sleep 1
  done
  trap leave EXIT; trap 'exit 1' HUP INT TERM
}

# A folder without a manifest is the rest of an inject that was cut off before it touched anything.
leave() {
  rm -rf "$folder/.new" "$base/.undo-$id"
  [ -e "$folder/manifest.json" ] || rm -rf "$folder"
  made=$({ printf '%s\n' "$outer"; cat "$base/made" 2>/dev/null; } | sed '1!G;h;$!d')
  others=; for other in "$base"/*/; do [ -d "$other" ] && others=1; done
  [ "$others" ] || rm -f "$base/made"
  rm -f "$lock"; [ "$others" ] || rmdir "$base" 2>/dev/null
  printf '%s\n' "$made" | while read -r who dir; do [ -z "$dir" ] || as "$who" rmdir "$dir" </dev/null 2>/dev/null; done
  [ -z "$shared" ] || as sudo rmdir /var/lib/debugtap </dev/null 2>/dev/null
}

reload_system() { as sudo systemctl daemon-reload </dev/null >/dev/null 2>&1 || told note "systemctl daemon-reload failed: run it as root"; }
reload_user() {
  XDG_RUNTIME_DIR=${"$"}{XDG_RUNTIME_DIR:-/run/user/$uid} systemctl --user daemon-reload </dev/null >/dev/null 2>&1 ||
    told note "systemctl --user daemon-reload failed: run it in a session of that user"
}

# undo WHO PATH AFTER BEFORE MODE OWNER; what it was, as base64, on the standard input
undo() {
  tmp="$base/.undo-$id"; mkdir -p "$tmp"; base64 -d >"$tmp/before"
  as "$1" rm -f "$2.debugtap-$id.new" </dev/null 2>/dev/null
  now=$(sum "$1" "$2")
  if [ "$now" = "$4" ]; then told same "$2"
  elif [ "$now" = absent ]; then told gone "$2"
  elif [ "$now" = "$3" ] && [ "$4" = absent ]; then as "$1" rm -f "$2" </dev/null || fail undo "$2"; told restored "$2"
  elif [ "$now" = "$3" ]; then put "$1" "$2" "$tmp/before" "$5" "$6" || fail undo "$2"; told restored "$2"
  else strip "$@"
  fi
}

# Somebody has changed it: our lines are taken out, if they can be told.
strip() {
  as "$1" cat "$2" </dev/null >"$tmp/now"
  begins=$(grep -c "^# debugtap $id begin" "$tmp/now"); ends=$(grep -c "^# debugtap $id end$" "$tmp/now")
  if [ "$begins$ends" = 11 ] && [ "$(grep "^# debugtap $id " "$tmp/now" | tail -n 1)" = "# debugtap $id end" ]; then
    # Its last line may have no end: that of what is left has none either.
    awk -v b="# debugtap $id begin" -v e="# debugtap $id end" -v last="$(tail -c 1 "$tmp/now")" '
      index($0, b) == 1 { skip = 1 }
      !skip { printf "%s%s", sep, $0; sep = "\n" }
      $0 == e { skip = 0 }
      END { if (last == "") printf "%s", sep }' "$tmp/now" >"$tmp/left"
    if [ ! -s "$tmp/left" ] && grep -q "^# debugtap $id begin, new file$" "$tmp/now"; then as "$1" rm -f "$2" </dev/null || fail undo "$2"
    else put "$1" "$2" "$tmp/left" "$(as "$1" stat -c %a "$2" </dev/null)" "$(as "$1" stat -c %u:%g "$2" </dev/null)" || fail undo "$2"
    fi
    told stripped "$2"
  elif [ "$begins$ends" = 00 ] && ! grep -qF -e "$folder/" -e "$shared/services" "$tmp/now"; then told foreign "$2"
  else
    conflicts=1
    mkdir -p "$folder/kept" && cp "$tmp/before" "$folder/kept/$(printf %s "$2" | tr / _)"; told kept "$2"
  fi
}
`;
