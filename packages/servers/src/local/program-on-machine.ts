import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { delimiter, join } from 'node:path'

/** Where servers are installed besides the folders of `PATH`, which may lack them for users other than root. */
export const usualFolders = ['/usr/sbin', '/usr/local/bin']

/** The path of a program that this machine has, on `PATH` or in one of the usual folders. */
export async function programOnMachine(name: string): Promise<string | undefined> {
  const folders = [...(process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== ''), ...usualFolders]
  for (const path of folders.map((folder) => join(folder, name))) {
    if (await isProgram(path)) return path
  }
  return undefined
}

async function isProgram(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
}
