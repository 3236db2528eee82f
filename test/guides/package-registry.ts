import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { basename } from 'node:path'

/** A package registry that has our packages, from their tarballs, and sends npm to `others` for everything else. */
export async function startRegistry(tarballs: readonly string[], others: string) {
  const files = new Map(tarballs.map((file) => [`/${basename(file)}`, readFileSync(file)]))
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '')
    const found = files.get(path) ?? packages.get(path)
    if (found) response.end(found)
    else response.writeHead(302, { location: others.replace(/\/$/, '') + request.url }).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const packages = new Map(
    tarballs.map((file) => {
      const manifest = JSON.parse(execFileSync('tar', ['-xzOf', file, 'package/package.json'], { encoding: 'utf8' }))
      const integrity = `sha512-${createHash('sha512').update(readFileSync(file)).digest('base64')}`
      const published = { ...manifest, dist: { tarball: `${url}/${basename(file)}`, integrity } }
      const { name, version } = manifest
      return [
        `/${name}`,
        JSON.stringify({ name, 'dist-tags': { latest: version }, versions: { [version]: published } }),
      ]
    }),
  )
  return {
    url,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
    },
  }
}
