import { expect, test } from 'vitest'
import { changeOf } from './change-of.ts'

interface Row {
  readonly title: string
  readonly deletedAt: Date | null
}

const isDeleted = (row: Row) => row.deletedAt !== null
const there: Row = { title: 'Emma', deletedAt: null }
const renamed: Row = { title: 'Persuasion', deletedAt: null }
const gone: Row = { title: 'Emma', deletedAt: new Date(0) }
const goneLater: Row = { title: 'Emma', deletedAt: new Date(1) }

test.each([
  ['a row that appears is created', undefined, there, 'created'],
  ['a row that differs is updated', there, renamed, 'updated'],
  ['a row that disappears is deleted', there, undefined, 'deleted'],
  ['a row whose flag turns on is deleted', there, gone, 'deleted'],
  ['a row whose flag turns off is updated', gone, there, 'updated'],
  ['a row that is created deleted is told to nobody', undefined, gone, undefined],
  ['a row that changes while it is deleted is told to nobody', gone, goneLater, undefined],
  ['a deleted row that disappears is told to nobody', gone, undefined, undefined],
  ['a row that stays as it was is told to nobody', there, { ...there }, undefined],
  ['a row that never was is told to nobody', undefined, undefined, undefined],
] as const)('%s', (_, before, after, kind) => {
  expect(changeOf<Row>(before, after, isDeleted)).toBe(kind)
})

test('without soft deletion a row is there or it is not', () => {
  expect(changeOf<Row>(gone, goneLater)).toBe('updated')
  expect(changeOf<Row>(undefined, gone)).toBe('created')
})

test('rows are compared by value, however deep', () => {
  expect(changeOf({ tags: [{ at: new Date(5) }] }, { tags: [{ at: new Date(5) }] })).toBeUndefined()
  expect(changeOf({ tags: [{ at: new Date(5) }] }, { tags: [{ at: new Date(6) }] })).toBe('updated')
})
