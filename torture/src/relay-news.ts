/** What relays say about themselves in their logs, counted. */
export interface RelayNews {
  conflicts: number
  resumedMidChunk: number
  refilled: number
  /** Partitions that stood still because somebody else had written, or a message was refused. */
  stoodStill: number
}

/** Counts what the lines say that `hear` is given. */
export function createRelayNews(): { readonly news: RelayNews; hear(line: string): void } {
  const news: RelayNews = { conflicts: 0, resumedMidChunk: 0, refilled: 0, stoodStill: 0 }
  return {
    news,
    hear(line) {
      const { msg, err } = parsed(line)
      if (msg === 'partition waits' && err?.code === 'APPEND_CONFLICT') news.conflicts++
      if (msg === 'continues inside a page') news.resumedMidChunk++
      if (msg === 'refills what the broker lost') news.refilled++
      if (msg === 'partition halted') news.stoodStill++
    },
  }
}

interface LogLine {
  readonly msg?: string
  readonly err?: { readonly type?: string; readonly code?: string }
}

function parsed(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine
  } catch {
    return {}
  }
}
