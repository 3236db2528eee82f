import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'

/** One direct connection that hears what is notified on the schema's name; made at the first need, and again after outages. */
export interface Ear {
  /**
   * From now on each payload is given to `hear`, until the returned function is called. `onOpen` is called at each connect,
   * and soon where there is one already.
   */
  on(listener: EarListener): () => void
}

export interface EarListener {
  hear(payload: string): void
  onOpen?(): void
}

export interface EarOptions {
  readonly connectionString: string
  readonly schema: string
  readonly signal: AbortSignal
}

export function createEar({ connectionString, schema, signal }: EarOptions): Ear {
  const listeners = new Set<EarListener>()
  let isListening = false
  let isOpen = false

  const listen = async () => {
    while (!signal.aborted) {
      const client = new pg.Client({ connectionString, keepAlive: true })
      const gone = new Promise<void>((resolve) => {
        client.on('error', () => resolve())
        client.on('end', () => resolve())
        signal.addEventListener('abort', () => resolve(), { once: true })
      })
      client.on('notification', ({ payload = '' }) => {
        for (const { hear } of listeners) hear(payload)
      })
      try {
        await client.connect()
        await client.query(`listen ${schema}`)
        isOpen = true
        for (const { onOpen } of listeners) onOpen?.()
        await gone
      } catch {
        // Who has to know looks by itself now and then.
      }
      isOpen = false
      await client.end().catch(() => {})
      await delay(100 + Math.random() * 900, undefined, { signal }).catch(() => {})
    }
  }

  return {
    on(listener) {
      listeners.add(listener)
      if (isOpen) setImmediate(() => listener.onOpen?.())
      if (!isListening) void listen()
      isListening = true
      return () => listeners.delete(listener)
    },
  }
}
