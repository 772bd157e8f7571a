// A command as one can paste it into a POSIX shell.

export function commandLine(argv: readonly string[]): string {
  return argv.map((word) => shellQuote(word)).join(" ");
}

export function shellQuote(word: string): string {
  return /^[\w@%+=:,./~-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
