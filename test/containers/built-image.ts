import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const tag = 'commitcast-bookshop:test'

/**
 * The image that `COMMITCAST_IMAGE` names, else this checkout's, built by `docker build`: unlike testcontainers' own
 * builder it says why it failed. `NODE_IMAGE` and `NPM_CONFIG_REGISTRY` go into the build.
 */
export async function builtImage(): Promise<string> {
  if (process.env.COMMITCAST_IMAGE) return process.env.COMMITCAST_IMAGE
  const given = ['NODE_IMAGE', 'NPM_CONFIG_REGISTRY'].filter((name) => process.env[name])
  await docker('build', '--tag', tag, ...given.flatMap((name) => ['--build-arg', name]), root)
  return tag
}

async function docker(...words: string[]): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  execFile('docker', words, { maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
    if (!error) return resolve()
    const lastLines = `${stdout}${stderr}`.trimEnd().split('\n').slice(-40).join('\n')
    reject(new Error(`docker ${words[0]} failed (${error.code}):\n${lastLines}`))
  })
  return promise
}
