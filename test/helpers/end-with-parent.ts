/** Ends this process when the one that started it is gone, however that ended. Keeps it alive until then. */
export function endWithParent(): void {
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) process.exit(1);
  }, 500);
}
