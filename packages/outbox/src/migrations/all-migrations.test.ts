import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { allMigrations } from './all-migrations.ts'

/** A new migration gets a line; a line that is here stays as it is. */
const landed: Record<string, string> = {
  '1 create outbox': '0622fdf7406788194c862e0ee77f2734',
  '2 close leaves': 'd41d8cd98f00b204e9800998ecf8427e',
  '3 park events': 'c045a3f2d2015511b2fc45432d671890',
  '4 epochs': 'bcbdbcdf502bbef8f7906caa7a21ed8e',
  '5 consumer groups': '55be1d0dd2362f720d20602425ccd4f1',
  '6 rebuilds': '1f2564cd39f7c1e1f8e9a3d70ea0576f',
  '7 answers': '9d112a68cf784f7d658aed3a4f0ada32',
  '8 repair tables': 'fab85c0a3c086ca62c35a96e1a98e3a1',
  '9 retries': '45ba169160e496c876bbd1972bb3ac68',
  '10 verified': '2e1e90eada32268867ec1e59f91259bf',
  '11 group releases': 'a57bb1da39e2e9d0d756d19f49db2106',
  '12 stepped over': '9cf7a224d9207389feed6e36be23020e',
  '13 member ttl': 'c7753861595d065ce66edb05b0a78ab5',
  '14 event bytes': 'f4a9634891261efbaa8ad43c0ed2061a',
  '15 app': '57999a867fca6831ca148a64518dfdba',
  '16 topic id': 'd6f83b693368b9c7ec092f1a80ef332e',
  '17 new names': 'c0368739b55dad926c870b16290c2661',
  '18 scheduled events': '6fb74e0e1d329fc556a750e36c85ae3c',
  '19 aggregates': 'c6c67aa60e0e1863bab13c41d1851465',
  '20 processes': '7ef14450693ce5e3f60e03c96b4f571f',
  '21 subject keys': '88965a608a5cd0dbd24dea82501c7d2f',
  '22 snapshot subjects': 'e3a802f36681afa2ebb7b6eba723729b',
}

test('a migration that has landed never changes again', () => {
  const hashes = allMigrations.map(({ version, name, sql }) => {
    const text = sql('commitcast', { partitions: 8, maxEventBytes: 1_000 })
    return [`${version} ${name}`, createHash('md5').update(text).digest('hex')]
  })
  expect(Object.fromEntries(hashes)).toEqual(landed)
})
