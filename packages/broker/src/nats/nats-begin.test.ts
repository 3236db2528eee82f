import { expect, test } from 'vitest'
import { canBeginLater } from './nats-begin.ts'

test.each(['2.9.10', '2.9.25', '1.99.99', '2.9.18-beta.1', ''])('%s can not begin a log later', (version) => {
  expect(canBeginLater(version)).toBe(false)
})

test.each(['2.10.0', '2.11.1-RC.2', '2.15.1', '3.0.0'])('%s can', (version) => {
  expect(canBeginLater(version)).toBe(true)
})
