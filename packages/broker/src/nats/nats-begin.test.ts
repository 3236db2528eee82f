import { expect, test } from 'vitest'
import { isBeforePurgesMove } from './nats-begin.ts'

test.each(['2.9.10', '2.9.18', '2.8.99', '1.99.99', '2.9.18-beta.1'])('%s is told where its stream ends', (version) => {
  expect(isBeforePurgesMove(version)).toBe(true)
})

test.each(['2.9.19', '2.9.25', '2.10.0', '2.11.1-RC.2', '2.15.1', '3.0.0'])('%s knows where it ends', (version) => {
  expect(isBeforePurgesMove(version)).toBe(false)
})
