import type { Logger } from '@commitcast/worker'
import type { Random } from '../random.ts'
import type { openClient } from './open-client.ts'
import type { Heard } from './stream-record.ts'

export interface SubscriberOptions {
  readonly client: ReturnType<typeof openClient>
  readonly kind: 'follow' | 'query'
  readonly channels: readonly string[]
  readonly random: Random
  readonly logger: Logger
  /** A subscription has begun, on whatever connection. */
  readonly onStarted: () => void
  readonly onHeard: (heard: Heard) => void
}

/** One subscription after the other, as an application makes them: it notes the last cursor and comes back with it. */
export interface Subscriber {
  /** Ends the subscription, and makes one that goes on where it was. */
  resume(): void
  /** Ends the subscription, and makes one that knows of nothing before. */
  startOver(): void
  end(): void
}

/** Subscribes. An error or an end it answers by subscribing again; what breaks the connection is tRPC's to mend. */
export function createSubscriber(options: SubscriberOptions): Subscriber {
  const { client, kind, channels, random, logger, onStarted, onHeard } = options
  let cursor: string | undefined
  let end = () => {}

  const subscribe = () => {
    let isOver = false
    const leave = () => {
      isOver = true
      subscription.unsubscribe()
    }
    const again = (detail: unknown) => {
      if (isOver) return
      logger.info({ detail: String(detail) }, 'subscribes again')
      leave()
      const later = setTimeout(subscribe, random.int(50, 500))
      end = () => clearTimeout(later)
    }
    const input = { channels, ...(cursor !== undefined && { lastEventId: cursor }) }
    const subscription = client.trpc[kind].subscribe(input, {
      onStarted,
      onData(value: unknown) {
        if (isOver) return
        const { id, data } = value as { id?: string; data?: Heard }
        cursor = id ?? cursor
        // What comes without a cursor is taken all the same.
        onHeard(id !== undefined && data ? data : (value as Heard))
      },
      onError: again,
      onStopped: () => again('it was stopped'),
    })
    end = leave
  }

  subscribe()
  return {
    resume() {
      end()
      subscribe()
    },
    startOver() {
      end()
      cursor = undefined
      subscribe()
    },
    end: () => end(),
  }
}
