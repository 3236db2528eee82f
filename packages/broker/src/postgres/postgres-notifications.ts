import { listenOn } from './postgres-listener.ts'

/**
 * The notifications on the schema's name, over one direct connection that all subscribers of a broker share. It is opened for the
 * first subscriber, and again after an outage.
 */
export interface Notifications {
  /**
   * From now on calls `onNotify` with each payload, until the returned function is called. `onOpen` is called at each connect,
   * and soon where there is a connection already.
   */
  on(subscriber: Subscriber): () => void
}

export interface Subscriber {
  onNotify(payload: string): void
  onOpen?(): void
}

export interface NotificationsOptions {
  readonly connectionString: string
  readonly schema: string
  readonly signal: AbortSignal
}

export function createNotifications({ connectionString, schema, signal }: NotificationsOptions): Notifications {
  const subscribers = new Set<Subscriber>()
  let isListening = false
  let wasOpen = false

  const listen = () =>
    listenOn({
      connectionString,
      channel: schema,
      signal,
      onNotify(payload) {
        for (const { onNotify } of subscribers) onNotify(payload)
      },
      onOpen() {
        wasOpen = true
        for (const { onOpen } of subscribers) onOpen?.()
      },
    })

  return {
    on(subscriber) {
      subscribers.add(subscriber)
      if (wasOpen) setImmediate(() => subscriber.onOpen?.())
      if (!isListening) void listen()
      isListening = true
      return () => subscribers.delete(subscriber)
    },
  }
}
