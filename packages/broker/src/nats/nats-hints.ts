import { checkHint, type Hints } from '../hints.ts'
import type { Connection } from './nats-connection.ts'
import { unansweredFor } from './nats-trouble.ts'

/** Hints over plain NATS, without JetStream: nothing of them is stored. The subject is the name. */
export function createHints(opened: () => Promise<Connection>): Hints {
  return {
    async send(name, text) {
      checkHint(name, text)
      const { nc, state } = await opened()
      state.check()
      nc.publish(name, text)
    },
    async listen(name, { signal, onHint }) {
      const { nc, state } = await opened()
      if (signal.aborted) return
      // The client library subscribes again after a reconnect.
      const subscription = nc.subscribe(name)
      const stop = () => subscription.unsubscribe()
      signal.addEventListener('abort', stop, { once: true })
      try {
        for await (const message of subscription) onHint(message.string())
      } catch (error) {
        throw unansweredFor(`the hints "${name}"`, error, state.complaint())
      } finally {
        signal.removeEventListener('abort', stop)
      }
    },
  }
}
