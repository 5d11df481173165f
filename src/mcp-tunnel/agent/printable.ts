/** The peer's words end up in logs and on terminals. */
export function printable(text: string): string {
  return text.slice(0, 200).replaceAll(/[^\x20-\x7e]/g, '?');
}
