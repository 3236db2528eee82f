import { RetentionPolicy, StorageType, type StreamConfig } from 'nats'
import { expect, test } from 'vitest'
import { checkStream } from './nats-stream-check.ts'

const subject = 'shop.1.0.>'
const sound = { name: 'shop-1_0', subjects: [subject], retention: RetentionPolicy.Limits, storage: StorageType.File }

test.each([
  [/subject_transform/, { subject_transform: { src: '>', dest: 'other.>' } }],
  [/subject_delete_marker_ttl/, { subject_delete_marker_ttl: 1_000_000_000 }],
  [/allow_msg_counter/, { allow_msg_counter: true }],
  [/persist_mode "async"/, { persist_mode: 'async' }],
])('a setting that only newer servers have is refused, too: %s', (words, setting) => {
  expect(() => checkStream({ ...sound, ...setting } as StreamConfig, subject)).toThrow(words)
})

test('a sound stream is taken', () => {
  checkStream(sound as StreamConfig, subject)
})
