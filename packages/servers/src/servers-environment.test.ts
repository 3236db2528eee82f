import { expect, test } from 'vitest'
import { readServersEnvironment } from './servers-environment.ts'

test('without variables the usual images are taken and nothing is forced', () => {
  expect(readServersEnvironment({})).toEqual({ POSTGRES_IMAGE: 'postgres:18-alpine', NATS_IMAGE: 'nats:2.11-alpine' })
})

test('an empty variable counts as left out', () => {
  expect(readServersEnvironment({ TEST_SERVERS: '', POSTGRES_IMAGE: '' })).toEqual(readServersEnvironment({}))
})

test('an unknown TEST_SERVERS value names the variable and the allowed values', () => {
  expect(() => readServersEnvironment({ TEST_SERVERS: 'docker' })).toThrow(
    'TEST_SERVERS is "docker": give container or local, or leave it out.',
  )
})

test('an address of the wrong kind is refused without telling its password', () => {
  expect(() => readServersEnvironment({ TEST_POSTGRES_URL: 'mysql://me:secret@host/db' })).toThrow(
    'TEST_POSTGRES_URL is "mysql://me:***@host/db": give an address that starts with postgres:// or postgresql://.',
  )
})

test('every bad variable is named', () => {
  expect(() => readServersEnvironment({ TEST_SERVERS: 'x', TEST_NATS_URL: 'localhost' })).toThrow(
    /TEST_SERVERS is "x".*\nTEST_NATS_URL is "localhost"/,
  )
})
