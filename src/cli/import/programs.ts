/** The programs whose lines are understood, and what may stand in front of them. Light: every command line asks. */
const PROGRAMS =
  /^(?:\S*\/)?(?:docker|podman|ssh|pinggy|ngrok|supergateway|npx|bunx|pnpm|yarn|sudo|exec|env|dumb-init|tini)$/;

/** Whether a word begins a command line, and is no file and no name. */
export function isProgram(word: string): boolean {
  return isProgramName(word) || isAssignment(word);
}

/** A program itself, without a variable in front of it. */
export function isProgramName(word: string): boolean {
  return PROGRAMS.test(word) || /^supergateway@[\w.-]+$/.test(word);
}

/** `KEY=value`, which a shell sets for the command behind it. */
export function isAssignment(word: string): boolean {
  return /^[A-Za-z_]\w*=\S*$/.test(word);
}
