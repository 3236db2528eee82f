import { execFile } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Packs every public package as it would be published, into `folder`. Returns the tarballs, by the package's name. */
export async function packPackages(folder: string): Promise<Map<string, string>> {
  const { packageManager } = manifestOf(root)
  const packages = globSync('packages/*', { cwd: root }).map((path) => manifestOf(join(root, path)))
  const open = packages.filter((manifest) => !manifest.private)
  const filters = open.map(({ name }) => `--filter=${name}`)
  const args = ['-y', '--prefer-offline', packageManager, ...filters, 'pack', '--pack-destination', folder]
  await promisify(execFile)('npx', args, { cwd: root }).catch(
    (error: { readonly stdout: string; readonly stderr: string }) => {
      const words = `${error.stdout.slice(-2_000)}\n${error.stderr.slice(-2_000)}`
      throw new Error(`The packages can't be packed:\n${words}`, { cause: error })
    },
  )
  const fileOf = (name: string, version: string) => `${name.replace('@', '').replace('/', '-')}-${version}.tgz`
  return new Map(open.map(({ name, version }) => [name, join(folder, fileOf(name, version))]))
}

interface Manifest {
  readonly name: string
  readonly version: string
  readonly private?: boolean
  readonly packageManager: string
}

function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
}
