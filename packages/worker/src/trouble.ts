/** What a part of a process waits for: a code that is documented, or that of the error, and its words. */
export interface Trouble {
  readonly code: string
  readonly message: string
}

/** A trouble, and since when there has been one without a break, in milliseconds since 1970. */
export interface LastingTrouble extends Trouble {
  readonly since: number
}

/** The same trouble, or the next one: it lasts since the one before it began. */
export function lasting(trouble: Trouble, before: LastingTrouble | undefined): LastingTrouble {
  return { ...trouble, since: before?.since ?? Date.now() }
}

export function toTrouble(error: unknown): Trouble {
  if (!(error instanceof Error)) return { code: 'UNKNOWN', message: String(error) }
  const { code } = error as { code?: unknown }
  return { code: typeof code === 'string' ? code : error.name, message: error.message || error.name }
}

/** No worker of the group has these partitions. */
export function toUnserved(partitions: readonly number[]): Trouble {
  return { code: 'PARTITIONS_UNSERVED', message: `No worker holds the partitions ${partitions.join(', ')}.` }
}

/** A database that takes longer to answer is away, though its connections may stand. */
const silentAfterMs = 3_000

/** The trouble of who waits for an answer of the database since `askedAt`. */
export function silence(askedAt: number | undefined): LastingTrouble | undefined {
  if (askedAt === undefined || Date.now() - askedAt <= silentAfterMs) return undefined
  const seconds = Math.round((Date.now() - askedAt) / 1_000)
  return { code: 'DATABASE_SILENT', message: `The database has not answered for ${seconds} s.`, since: askedAt }
}
