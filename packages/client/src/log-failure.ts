/** Where failures go that no callback takes. */
export function logFailure(error: unknown): void {
  console.error('commitcast:', error)
}
