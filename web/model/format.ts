// Amounts and times, as short as they can be read.

/** `340 ms`, `12 s`, `4:07`, `1:02:09`, `3 d 4 h`. */
export function duration(ms: number): string {
  if (!Number.isFinite(ms) || ms < 0) return "0 ms";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const two = (part: number): string => String(part).padStart(2, "0");
  if (hours === 0) return `${minutes}:${two(seconds % 60)}`;
  if (hours < 24) return `${hours}:${two(minutes)}:${two(seconds % 60)}`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** As {@link duration}, without parts of seconds: it counts on a board. */
export function counted(ms: number): string {
  return ms < 1000
    ? "0 s"
    : duration(Math.max(ms, 0) < 10_000 ? Math.floor(ms / 1000) * 1000 : ms).replace(".0 s", " s");
}

/** `1.2 MB`, of 1000. */
export function bytes(count: number): string {
  if (count < 1000) return `${count} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let [amount, unit] = [count / 1000, 0];
  while (amount >= 999.5 && unit < units.length - 1) [amount, unit] = [amount / 1000, unit + 1];
  return `${amount < 10 ? amount.toFixed(1) : Math.round(amount)} ${units[unit]}`;
}

/** `10,000` */
export function amount(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** `3 hits`, `1 hit` */
export function counting(count: number, thing: string, things = `${thing}s`): string {
  return `${amount(count)} ${count === 1 ? thing : things}`;
}

/** `14:03:07.120`, in the time zone of who looks. */
export function clock(at: number, parts: "s" | "ms" = "ms"): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return "–";
  const [h, m, s] = [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) =>
    String(part).padStart(2, "0"),
  );
  return `${h}:${m}:${s}${parts === "ms" ? `.${String(date.getMilliseconds()).padStart(3, "0")}` : ""}`;
}

/** `2026-11-29 14:03:07` */
export function dateTime(at: number): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return "–";
  const [month, day] = [date.getMonth() + 1, date.getDate()].map((part) => String(part).padStart(2, "0"));
  return `${date.getFullYear()}-${month}-${day} ${clock(at, "s")}`;
}

/** `app.py` of `/opt/stack/app.py`. */
export function fileName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
}
