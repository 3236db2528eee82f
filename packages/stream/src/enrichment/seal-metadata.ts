import type { CommittedEvent } from '@commitcast/events'
import { checkSubject, encryptMetadata, type KeyReader } from '@commitcast/outbox'
import type { Enrichment } from './enrichment.ts'
import type { LookedUp } from './look-up.ts'

/** What was looked up, where it is personal encrypted. */
export interface Sealed extends LookedUp {
  /** By index, the subject whose key a value is encrypted with. */
  readonly subjects?: readonly (string | undefined)[]
}

export interface SealOptions {
  readonly enrichment: Enrichment
  readonly keyReader: KeyReader | undefined
}

/** Encrypts the kinds of metadata that are personal: one query for a batch. Of a subject that was erased nothing is left. */
export async function sealAll(
  events: readonly CommittedEvent[],
  looked: readonly LookedUp[],
  { enrichment, keyReader }: SealOptions,
): Promise<readonly Sealed[]> {
  const named = looked.map((one) => withSubjects(one, events, enrichment))
  const subjects = new Set(named.flatMap(({ subjects = [] }) => subjects.filter((subject) => subject !== undefined)))
  if (subjects.size === 0) return named
  if (!keyReader) throw new TypeError('A kind of metadata is personal, and there is no key reader to encrypt it with.')
  const keys = await keyReader.keysToEncrypt(subjects)
  return named.map((one) => seal(one, events, (subject) => keys.get(subject)))
}

/** Says whose each value is. Where the application can't, its event goes out without this kind. */
function withSubjects(one: LookedUp, events: readonly CommittedEvent[], { enrichers }: Enrichment): Sealed {
  const subjectOf = enrichers[one.kind]?.personal
  if (!subjectOf) return one
  const failures = new Map(one.failures)
  const values = [...one.values]
  const subjects = one.values.map((value, index) => {
    if (value === undefined) return undefined
    try {
      return checkSubject(subjectOf(events[index]!), `The subject of the metadata "${one.kind}"`)
    } catch (error) {
      failures.set(index, error)
      values[index] = undefined
      return undefined
    }
  })
  return { kind: one.kind, values, failures, subjects }
}

function seal(one: Sealed, events: readonly CommittedEvent[], keyOf: (subject: string) => Key | undefined): Sealed {
  const { kind, subjects } = one
  if (!subjects) return one
  const failures = new Map(one.failures)
  const values = one.values.map((value, index) => {
    const subject = subjects[index]
    const key = subject === undefined ? undefined : keyOf(subject)
    if (subject === undefined || !key) return undefined
    try {
      return encryptMetadata(value, key, { subject, id: events[index]!.id, kind })
    } catch (error) {
      failures.set(index, error)
      return undefined
    }
  })
  return {
    kind,
    values,
    failures,
    subjects: subjects.map((subject, at) => (values[at] === undefined ? undefined : subject)),
  }
}

type Key = Parameters<typeof encryptMetadata>[1]
