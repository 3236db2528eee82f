import { RetentionPolicy, StorageType, type StreamConfig } from 'nats'
import type { Owner } from '../broker.ts'
import { TopicMismatch } from '../errors.ts'

/** Settings of servers newer than the client's types. */
interface NewerSettings {
  readonly subject_delete_marker_ttl?: number
  readonly allow_msg_counter?: boolean
  readonly persist_mode?: string
}

/**
 * Throws `TopicMismatch` where a stream has settings that would break a promise. What an operator may have chosen stays:
 * copies, age, sizes, what to discard when it is full, protection against deletion, placement, compression.
 */
export function checkStream(config: StreamConfig & NewerSettings, subject: string): void {
  const faults = [
    config.retention !== RetentionPolicy.Limits &&
      `retention is "${config.retention}", not "limits": readers would delete`,
    config.storage !== StorageType.File &&
      `storage is "${config.storage}", not "file": a restart would lose everything`,
    !isOnly(config.subjects, subject) && `its subjects are ${JSON.stringify(config.subjects)}, not only "${subject}"`,
    config.max_msgs_per_subject > 0 && 'max_msgs_per_subject is set: it would delete inside',
    config.no_ack && 'no_ack is set: appends would not be acknowledged',
    config.sealed && 'it is sealed: nothing can be appended',
    config.mirror && 'it is a mirror: nothing can be appended',
    config.sources?.length && 'it has sources: they write there, too',
    config.subject_transform && 'it has a subject_transform: types would change',
    config.subject_delete_marker_ttl && 'it places delete markers (subject_delete_marker_ttl): they take offsets',
    config.allow_msg_counter && 'it counts (allow_msg_counter): bodies would change',
    config.persist_mode === 'async' && 'it acknowledges before it writes (persist_mode "async")',
  ].filter((fault) => typeof fault === 'string')
  if (faults.length === 0) return
  throw new TopicMismatch(
    `The stream ${config.name} exists with settings that would break a promise: ${faults.join('; ')}. ` +
      'Fix them on the broker; what can not be changed there needs a new topic epoch, or another name for the app.',
  )
}

/** An owner as a stream's description, which servers of every version keep. */
export function describeOwner({ id, name }: Owner): string {
  return `commitcast database ${id} ${name}`
}

/** The owner of a stream; `undefined` where an operator made it, or an earlier release. */
export function ownerOf({ description = '' }: Pick<StreamConfig, 'description'>): Owner | undefined {
  const [, id, name] = /^commitcast database (\S+) (.*)$/s.exec(description) ?? []
  return id === undefined || name === undefined ? undefined : { id, name }
}

function isOnly(subjects: readonly string[] | undefined, subject: string): boolean {
  return subjects?.length === 1 && subjects[0] === subject
}
