const maxLength = 2_000

/** An error's own words as Postgres can store them: bounded, without NUL, without half of a surrogate pair. Never throws. */
export function errorText(error: unknown): string {
  return wordsOf(error).slice(0, maxLength).replaceAll('\0', '').toWellFormed()
}

function wordsOf(error: unknown): string {
  try {
    return error instanceof Error ? String(error.message || error.name) : String(error)
  } catch {
    return 'An error that has no text.'
  }
}
