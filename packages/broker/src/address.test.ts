import { describe, expect, test } from 'vitest'
import { readNatsAddress } from './nats/nats-address.ts'
import { natsBroker } from './nats/nats-broker.ts'
import { postgresBroker } from './postgres/postgres-broker.ts'

describe('an address of NATS', () => {
  test.each([
    ['nats://127.0.0.1:4222', { servers: ['127.0.0.1:4222'] }],
    ['a:4222, nats://b', { servers: ['a:4222', 'b'] }],
    ['tls://a', { servers: ['a'], tls: {} }],
    ['nats://me:secret@a', { servers: ['a'], user: 'me', pass: 'secret' }],
    ['nats://me:@a', { servers: ['a'], user: 'me', pass: '' }],
    ['nats://me:50%25off@a', { servers: ['a'], user: 'me', pass: '50%off' }],
    ['nats://to%2Fken@a,b', { servers: ['a', 'b'], token: 'to/ken' }],
  ])('%s is read', (text, read) => {
    expect(readNatsAddress(text)).toEqual(read)
  })

  test.each([
    ['http://foo', /"http:\/\/foo" can't be used: take an address like nats:/],
    ['', /"" can't be used/],
    ['nats://a,', /"" can't be used/],
    ['nats://', /"nats:\/\/" can't be used/],
    [
      'nats://me:50%off@host',
      /"nats:\/\/me:\*\*\*@host" can't be used: a "%" in a user or a password is written as %25/,
    ],
    ['http://secret@host', /"http:\/\/\*\*\*@host" can't be used/],
  ])('%j is refused at once, without what is secret', (servers, words) => {
    expect(() => natsBroker({ servers })).toThrow(words)
    expect(() => natsBroker({ servers })).toThrow(expect.objectContaining({ code: 'INVALID_ADDRESS' }))
  })
})

describe('an address of Postgres', () => {
  test.each(['postgres://me:50%off@a/shop', 'postgresql://a', '/var/run/postgresql shop'])(
    '%s is taken',
    async (text) => {
      await postgresBroker({ connectionString: text }).close()
    },
  )

  test.each([
    ['http://foo', /"http:\/\/foo" can't be used: take an address like postgres:/],
    ['', /The address of the database is missing/],
    ['localhost:5432/shop', /"localhost:5432\/shop" can't be used/],
    ['postgres://me:50%faff@a/shop', /"postgres:\/\/me:\*\*\*@a\/shop" can't be used: a "%"/],
    ['postgres://me:a#b@a/shop', /"postgres:\/\/me:\*\*\*@a\/shop" can't be used/],
  ])('%j is refused at once, without what is secret', (connectionString, words) => {
    expect(() => postgresBroker({ connectionString })).toThrow(words)
    expect(() => postgresBroker({ connectionString })).toThrow(expect.objectContaining({ code: 'INVALID_ADDRESS' }))
  })
})
