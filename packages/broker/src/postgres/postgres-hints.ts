import { aborted } from '@commitcast/worker'
import { checkHint, type Hints } from '../hints.ts'
import type { Notifications } from './postgres-notifications.ts'
import type { Query } from './postgres-query.ts'

export interface HintsOptions {
  readonly notifications: Notifications
  readonly schema: string
  readonly query: Query
  readonly closed: AbortSignal
}

/** Begins each payload of a hint; no payload of an append begins so. */
const mark = '?'

/** Hints by NOTIFY. All of them pass one lock of the whole cluster, so many a second are for another broker. */
export function createHints({ notifications, schema, query, closed }: HintsOptions): Hints {
  return {
    async send(name, text) {
      checkHint(name, text)
      await query(`select pg_notify('${schema}', $1)`, [`${mark}${name} ${text}`])
    },
    async listen(name, { signal, onHint }) {
      const start = `${mark}${name} `
      const stop = notifications.on({
        onNotify(payload) {
          if (payload.startsWith(start)) onHint(payload.slice(start.length))
        },
      })
      await aborted(AbortSignal.any([signal, closed]))
      stop()
    },
  }
}
