import { type Broker, TopicMismatch } from '@commitcast/broker'
import type { Upcast } from '@commitcast/events'
import { type Hub, type HubLimits, startHub } from '@commitcast/live'
import {
  bindApp,
  checkCluster,
  type KeyReader,
  OtherApp,
  readErasures,
  readLastAssigned,
  readShown,
  readTopic,
  whyOtherCluster,
} from '@commitcast/outbox'
import {
  type LastingTrouble,
  type Logger,
  lasting,
  partitionsHealth,
  type Sql,
  toTrouble,
  untilItWorks,
} from '@commitcast/worker'
import type { Parts } from './health.ts'

export interface SharedHubOptions {
  readonly sql: Sql
  readonly broker: Broker
  readonly app: string
  readonly schema: string
  readonly upcast: Upcast
  readonly keyReader: KeyReader
  readonly limits: HubLimits
  readonly signal: AbortSignal
  readonly logger: Logger
  /** Where it says how it is, as `hub`. */
  readonly parts: Parts
}

/** The one hub of a process, which all of its subscriptions share. */
export interface SharedHub {
  /** The hub, in the topic's present epoch; opened at the first call, and again after an epoch has ended. */
  open(): Promise<Hub>
  /** Resolves when the signal has aborted and the hub has ended. */
  done(): Promise<void>
}

/** Makes it. Nothing is connected before `open`. After a failure it tries again by itself, so that health shows what is true. */
export function createSharedHub({ parts, limits, ...options }: SharedHubOptions): SharedHub {
  const { sql, broker, app, schema, signal, logger } = options
  let hub: Promise<Hub> | undefined
  let trouble: LastingTrouble | undefined
  let isReopening = false

  const start = async () => {
    await checkCluster(sql, schema)
    const topic = await broker.topic({ name: `${app}-live`, ...(await bindApp(sql, schema, app)) })
    const opened = await startHub({
      ...limits,
      ...{ topic, signal, logger, upcast: options.upcast },
      personal: { keyReader: options.keyReader, erasedSince: (snapshot) => readErasures(sql, schema, snapshot) },
      epochNow: async () => (await readTopic(sql, schema)).epoch,
      readShown: (snapshot) => readShown(sql, schema, snapshot),
      lastAssigned: (partition) => readLastAssigned(sql, schema, { epoch: topic.epoch, partition }),
      onEnded() {
        hub = undefined
        parts.own.delete('hub')
      },
    })
    trouble = undefined
    parts.own.set('hub', opened.health)
    return opened
  }
  const fail = (error: unknown): never => {
    hub = undefined
    const { code, message: words } = toTrouble(error)
    const message = whyOtherCluster(error) ?? words
    const isMistake = error instanceof OtherApp || error instanceof TopicMismatch
    if (isMistake && trouble?.code !== code) logger.error({ code, schema }, message)
    trouble = lasting({ code, message }, trouble)
    const health = partitionsHealth(trouble, new Map())
    parts.own.set('hub', () => health)
    void reopen()
    throw error
  }
  const open = () => {
    hub ??= start().catch(fail)
    return hub
  }
  /** Its subscriptions may leave meanwhile, and a load balancer sends no others to a process that is not ready. */
  const reopen = async () => {
    if (isReopening) return
    isReopening = true
    await untilItWorks(open, { signal, onError() {} })
    isReopening = false
  }

  return {
    open,
    async done() {
      await (await hub?.catch(() => undefined))?.done
    },
  }
}
