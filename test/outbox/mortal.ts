import { AppendConflict, type Broker, BrokerUnavailable, MessageRefused, type Topic } from '@commitcast/broker'
import { isPlaceholder } from '@commitcast/events'
import type { Sql } from '@commitcast/worker'

/** The steps of a refusal, from the first sight of it on. */
export const steps = [
  'before it is noted',
  'after it was noted',
  'before its placeholder is sent',
  'after its placeholder was stored',
] as const
export type Step = (typeof steps)[number]

export interface Mortal {
  readonly sql: Sql
  readonly broker: Broker
  /** How often the step was reached. */
  readonly reached: number
}

/**
 * A relay's database and broker that fail at one step: once, as an outage or a lost reply does; or from there on, as if the
 * relay had been killed, so that it neither goes on nor hands anything over.
 */
export function mortal({ sql, broker }: { sql: Sql; broker: Broker }, step: Step, how: 'once' | 'for good'): Mortal {
  let reached = 0
  let isDead = false
  const at = (place: Step) => {
    if (place !== step || (how === 'once' && reached > 0)) return
    reached++
    isDead = how === 'for good'
    throw outage()
  }
  const alive = () => {
    if (isDead) throw outage()
  }
  return {
    get reached() {
      return reached
    },
    sql: {
      async query(text, values) {
        alive()
        const isNote = text.includes('park_refused')
        if (isNote) at('before it is noted')
        const rows = await sql.query(text, values)
        alive()
        if (isNote) at('after it was noted')
        return rows as never
      },
    },
    broker: overTopics(broker, (topic) => ({
      ...topic,
      async last(partition) {
        alive()
        return topic.last(partition)
      },
      async append(partition, after, messages) {
        alive()
        const isIn = messages.some(isPlaceholder)
        if (isIn) at('before its placeholder is sent')
        await topic.append(partition, after, messages)
        if (isIn) at('after its placeholder was stored')
      },
    })),
  }
}

/** A broker that shows the refusal of one message only to who sends it alone: else those behind it meet a conflict. */
export function hidingRefusals(broker: Broker): Broker {
  return overTopics(broker, (topic) => ({
    ...topic,
    append: (partition, after, messages) =>
      topic.append(partition, after, messages).catch((error) => {
        const isHidden = error instanceof MessageRefused && messages.length > 1
        throw isHidden ? AppendConflict.at(topic.name, partition, after) : error
      }),
  }))
}

/** A broker all of whose topics are changed so. */
export function overTopics(broker: Broker, change: (topic: Topic) => Topic): Broker {
  return { ...broker, topic: async (options) => change(await broker.topic(options)) }
}

function outage(): BrokerUnavailable {
  return new BrokerUnavailable('Cut here.')
}
