import { isOutage, withTimeout } from '@commitcast/worker'
import type { Enricher } from './enrichment.ts'

/** What a look-up came to: what was found, and by which error each bad id failed. */
export interface Loaded {
  readonly found: ReadonlyMap<unknown, unknown>
  readonly failed: ReadonlyMap<unknown, unknown>
}

/** Looks many ids up at once, and finds out which of them make the look-up fail. */
export type Loader = (ids: readonly unknown[], signal: AbortSignal) => Promise<Loaded>

/** How many ids one look-up gets: a statement takes 65,535 parameters. */
const maxIds = 5_000
/** A look-up that takes longer counts as an outage. */
const maxLoadMs = 30_000
/** How many ids of a failing batch are tried alone before the look-up itself is held to be broken. */
const maxWitnesses = 16
const none = Symbol('none')
const several = Symbol('several')
const noneFailed: ReadonlyMap<unknown, unknown> = new Map()

/**
 * Makes the loader of one kind. It rejects, so that the partition waits, in an outage and where the look-up works for no id
 * at all: then it is the look-up that has to be fixed, and no metadata must be lost meanwhile. Otherwise the ids are halved
 * until each bad one is found. An id that comes alone is judged by the last one that worked; where none ever did, the first
 * to fail is held to be bad itself, and further ones wait.
 */
export function createLoader(kind: string, load: Enricher<never, unknown, unknown>['load']): Loader {
  let good: unknown = none
  let bad: unknown = none

  const ask = async (ids: readonly unknown[], signal: AbortSignal) => {
    const what = `The look-up of "${kind}"`
    const found = await withTimeout(() => load(ids), { ms: maxLoadMs, signal, what, code: 'ETIMEDOUT' })
    if (typeof found?.get !== 'function') throw new TypeError(`The look-up of "${kind}" has to return a Map.`)
    good = ids[0]
    bad = none
    return found
  }

  const works = async (id: unknown, signal: AbortSignal): Promise<boolean> => {
    try {
      await ask([id], signal)
      return true
    } catch (error) {
      orOutage(error, signal)
      return false
    }
  }

  /** Throws unless it is for some ids only that the look-up fails. */
  const judge = async (ids: readonly unknown[], error: unknown, signal: AbortSignal) => {
    const isAlone = ids.length === 1
    const witnesses = isAlone ? [] : spread(ids, maxWitnesses)
    if (good !== none && !(isAlone && good === ids[0])) witnesses.unshift(good)
    for (const id of witnesses) if (await works(id, signal)) return
    const isFirst = witnesses.length === 0 && (bad === none || bad === ids[0])
    bad = isFirst ? ids[0] : several
    if (!isFirst) throw broken(kind, error)
  }

  const halve = async (ids: readonly unknown[], error: unknown, into: Into, signal: AbortSignal): Promise<void> => {
    if (ids.length === 1) return void into.failed.set(ids[0], error)
    const middle = ids.length >> 1
    for (const half of [ids.slice(0, middle), ids.slice(middle)]) {
      try {
        for (const [id, value] of await ask(half, signal)) into.found.set(id, value)
      } catch (failure) {
        await halve(half, orOutage(failure, signal), into, signal)
      }
    }
  }

  return inRuns(async (ids, signal) => {
    try {
      return { found: await ask(ids, signal), failed: noneFailed }
    } catch (failure) {
      const error = orOutage(failure, signal)
      await judge(ids, error, signal)
      const into: Into = { found: new Map(), failed: new Map() }
      await halve(ids, error, into, signal)
      return into
    }
  })
}

/** The same for any number of ids, `maxIds` at a time. */
function inRuns(load: Loader): Loader {
  return async (ids, signal) => {
    const into: Into = { found: new Map(), failed: new Map() }
    for (let at = 0; at < ids.length; at += maxIds) {
      const { found, failed } = await load(ids.slice(at, at + maxIds), signal)
      if (ids.length <= maxIds) return { found, failed }
      for (const [id, value] of found) into.found.set(id, value)
      for (const [id, error] of failed) into.failed.set(id, error)
    }
    return into
  }
}

interface Into {
  readonly found: Map<unknown, unknown>
  readonly failed: Map<unknown, unknown>
}

/** What is waited out is thrown on. */
function orOutage(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted || isOutage(error)) throw error
  return error
}

/** At most `count` of the ids, from all over the batch. */
function spread(ids: readonly unknown[], count: number): unknown[] {
  const step = Math.max(1, ids.length / count)
  return Array.from({ length: Math.min(count, ids.length) }, (_, index) => ids[Math.floor(index * step)])
}

function broken(kind: string, error: unknown): Error {
  return new Error(
    `The look-up of "${kind}" fails for every id: ${String(error)}. Fix it; the partition waits, so that no metadata is lost.`,
    { cause: error },
  )
}
