import { expect, test } from 'vitest'
import { readConfig, variable } from './read-config.ts'

const shape = {
  PORT: variable.port(3000),
  DATABASE_URL: variable.url(['postgres', 'postgresql'], 'postgres://postgres:secret@127.0.0.1:5432/shop'),
}
const url = 'postgres://me:hidden@db/shop'

test('defaults stand in for what is not set or empty', () => {
  expect(readConfig(shape, { DATABASE_URL: url })).toEqual({ PORT: 3000, DATABASE_URL: url })
  expect(readConfig(shape, { DATABASE_URL: url, PORT: '' }).PORT).toBe(3000)
  expect(readConfig(shape, { DATABASE_URL: url, PORT: '8080' }).PORT).toBe(8080)
})

test.each(['abc', '-1', '70000', '3.5'])('a wrong port %j is named, with its value and how to fix it', (PORT) => {
  expect(() => readConfig(shape, { DATABASE_URL: url, PORT })).toThrow(`PORT is "${PORT}": set it to a port number`)
})

test('every wrong variable is named at once, and passwords are not shown', () => {
  const read = () => readConfig(shape, { DATABASE_URL: 'mysql://me:hidden@db/shop', PORT: 'x' })
  expect(read).toThrow(
    /PORT is "x".*\nDATABASE_URL is "mysql:\/\/me:\*\*\*@db\/shop": set it to an address like postgres:/,
  )
})

test('a missing variable is named as not set', () => {
  expect(() => readConfig(shape, {})).toThrow(/DATABASE_URL is not set: set it to an address like/)
})
