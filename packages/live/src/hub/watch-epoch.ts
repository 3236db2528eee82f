import {
  createOutageLog,
  type LastingTrouble,
  type Logger,
  lasting,
  silence,
  sleep,
  toTrouble,
} from '@commitcast/worker'

export interface EpochWatchOptions {
  /** The topic's epoch by now; without it nothing is watched. */
  readonly epochNow: (() => Promise<number>) | undefined
  /** Called with each answer. */
  readonly onEpoch: (epoch: number) => void
  readonly signal: AbortSignal
  readonly logger: Logger
}

export interface EpochWatch {
  /** Why the database does not say the epoch, while it does not. The topic outlives an outage of the database. */
  trouble(): LastingTrouble | undefined
  readonly done: Promise<void>
}

const lookMs = 4_000

/** Asks for the topic's epoch every few seconds until the signal aborts. */
export function watchEpoch({ epochNow, onEpoch, signal, logger }: EpochWatchOptions): EpochWatch {
  let trouble: LastingTrouble | undefined
  let askedAt: number | undefined
  const outages = createOutageLog({
    logger,
    code: 'HUB_EPOCH_UNKNOWN',
    began: 'the hub cannot ask the database for the epoch',
    ended: 'the hub can ask the database again',
  })
  const ask = async (epochNow: () => Promise<number>) => {
    askedAt = Date.now()
    try {
      onEpoch(await epochNow())
      trouble = undefined
      outages.ended()
    } catch (error) {
      trouble = lasting(toTrouble(error), trouble)
      outages.failed(error)
    }
    askedAt = undefined
  }
  const watch = async () => {
    while (epochNow) {
      await sleep(lookMs * (0.5 + Math.random()), signal)
      if (signal.aborted) return
      await ask(epochNow)
    }
  }
  return { trouble: () => trouble ?? silence(askedAt), done: watch() }
}
