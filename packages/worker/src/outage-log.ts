import { isOutage } from './is-outage.ts'
import type { Logger } from './logger.ts'

export interface OutageLogOptions {
  readonly logger: Logger
  /** The `code` of every line, unless its `details` have one. */
  readonly code?: string
  /** What is logged when it begins, at `warn`. */
  readonly began: string
  /** What is logged, at `error`, where it waits for an operator. Default as `began`. */
  readonly halted?: string
  /** What is logged when it is over, at `info`. */
  readonly ended: string
  /** Fields of every line. */
  readonly about?: object
}

/**
 * Logs what is tried again and again: one line when it begins to fail, one when it works again, and the tries between them at
 * `debug`. A place is what fails by itself: a partition's number, a subscription. An outage is one for all places, whatever
 * its errors are; of other errors each kind has a line per place.
 */
export interface OutageLog {
  failed(error: unknown, place?: unknown, details?: object): void
  /** It failed, and an operator has to act. */
  halted(error: unknown, place?: unknown, details?: object): void
  /** It works again there. */
  ended(place?: unknown): void
  /** It is not tried there any more. */
  forget(place?: unknown): void
}

interface Incident {
  readonly since: number
  readonly kinds: Set<string>
}

const outage = 'outage'

/** Makes the log of what is tried again and again, one for each kind of work. */
export function createOutageLog({ logger, code, began, halted = began, ended, about }: OutageLogOptions): OutageLog {
  const incidents = new Map<unknown, Incident>()
  const isOut = () => [...incidents.values()].some(({ kinds }) => kinds.has(outage))
  const fieldsOf = (place: unknown) => ({
    ...(code && { code }),
    ...about,
    ...(typeof place === 'number' && { partition: place }),
  })
  /** Returns whether it has to be logged. */
  const note = (error: unknown, place: unknown): boolean => {
    const incident = incidents.get(place) ?? { since: Date.now(), kinds: new Set() }
    const kind = kindOf(error)
    const isNew = kind === outage ? !isOut() : !incident.kinds.has(kind)
    incidents.set(place, incident)
    incident.kinds.add(kind)
    return isNew
  }
  return {
    failed(error, place, details) {
      const level = note(error, place) ? 'warn' : 'debug'
      logger[level]({ ...fieldsOf(place), ...details, err: error }, began)
    },
    halted(error, place, details) {
      const level = note(error, place) ? 'error' : 'debug'
      logger[level]({ ...fieldsOf(place), ...details, err: error }, halted)
    },
    ended(place) {
      const incident = incidents.get(place)
      if (!incident) return
      incidents.delete(place)
      const isOver = incident.kinds.size > 1 || !incident.kinds.has(outage) || !isOut()
      if (isOver) logger.info({ ...fieldsOf(place), ms: Date.now() - incident.since }, ended)
    },
    forget: (place) => void incidents.delete(place),
  }
}

/** All errors of an outage are of one kind: a server that restarts refuses in several ways. */
function kindOf(error: unknown): string {
  if (isOutage(error)) return outage
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown }
  return String(code ?? name)
}
