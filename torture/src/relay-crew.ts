import { type Child, startChild } from './child.ts'
import type { RelayConfig } from './relay.ts'

/** What relays say about themselves in their logs, counted. */
export interface RelayNews {
  conflicts: number
  resumedMidChunk: number
  refilled: number
  /** Partitions that stood still because somebody else had written, or a message was refused. */
  stoodStill: number
  /** Relays that ended without having been asked. */
  crashed: number
}

/** The relay processes: always as many, whatever happens to them. */
export interface RelayCrew {
  readonly news: RelayNews
  /** Those that run and are not frozen. */
  awake(): readonly Child[]
  /** Kills one as `kill -9` does and starts another. */
  replace(relay: Child, afterMs: number): Promise<void>
  stop(): Promise<void>
}

export function startRelayCrew(size: number, { config, folder }: { config: RelayConfig; folder: string }): RelayCrew {
  const news: RelayNews = { conflicts: 0, resumedMidChunk: 0, refilled: 0, stoodStill: 0, crashed: 0 }
  const relays = new Set<Child>()
  let count = 0
  let isStopping = false
  const start = () => {
    if (isStopping) return
    const relay = startChild('relay', { name: `relay-${++count}`, config, folder, onLine: (line) => hear(news, line) })
    relays.add(relay)
    void relay.ended.then(() => {
      relays.delete(relay)
      if (relay.isEnding) return
      news.crashed++
      start()
    })
  }
  for (let relay = 0; relay < size; relay++) start()
  return {
    news,
    awake: () => [...relays].filter((relay) => !relay.isPaused && !relay.isEnding),
    async replace(relay, afterMs) {
      await relay.kill()
      await new Promise((resolve) => setTimeout(resolve, afterMs))
      start()
    },
    async stop() {
      isStopping = true
      await Promise.all([...relays].map((relay) => relay.stop()))
    },
  }
}

interface LogLine {
  readonly msg?: string
  readonly err?: { readonly type?: string; readonly code?: string }
}

function hear(news: RelayNews, line: string): void {
  const { msg, err } = parsed(line)
  if (msg === 'asking the broker where it ends' && err?.code === 'APPEND_CONFLICT') news.conflicts++
  if (msg === 'continues inside a page') news.resumedMidChunk++
  if (msg === 'refills what the broker lost') news.refilled++
  if (msg === 'this partition stands still') news.stoodStill++
}

function parsed(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine
  } catch {
    return {}
  }
}
