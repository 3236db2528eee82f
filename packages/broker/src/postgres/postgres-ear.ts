import { listenOn } from './postgres-listener.ts'

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
  let wasOpen = false

  const listen = () =>
    listenOn({
      connectionString,
      channel: schema,
      signal,
      onNotify(payload) {
        for (const { hear } of listeners) hear(payload)
      },
      onOpen() {
        wasOpen = true
        for (const { onOpen } of listeners) onOpen?.()
      },
    })

  return {
    on(listener) {
      listeners.add(listener)
      if (wasOpen) setImmediate(() => listener.onOpen?.())
      if (!isListening) void listen()
      isListening = true
      return () => listeners.delete(listener)
    },
  }
}
