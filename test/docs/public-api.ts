import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript-6'
import { root } from './pages.ts'

/** What an application can import from one name, `commitcast/nats` for example. */
export interface EntryPoint {
  readonly name: string
  /** From the comment of the module, else from the package. */
  readonly doc: string
  readonly exports: readonly Declared[]
}

/** A name with its declaration. Two entry points that export the same have it with the same `symbol`. */
export interface Declared {
  readonly name: string
  readonly symbol: ts.Symbol
  readonly doc: string
  readonly declaration: ts.Declaration
}

/** The public packages, read with the compiler; the comments and types of other packages are not. */
export interface PublicApi {
  readonly entryPoints: readonly EntryPoint[]
  /** The type of this repository that a name in a type stands for. */
  typeAt(name: ts.Node): Declared | undefined
}

export function readPublicApi(): PublicApi {
  const files = ['packages/commitcast', 'packages/client'].flatMap(entryFiles)
  const program = createProgram(files.map(({ path }) => path))
  const checker = program.getTypeChecker()
  const toDeclared = (symbol: ts.Symbol, name = symbol.name): Declared[] => {
    const own = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
    const [declaration] = own.declarations ?? []
    if (declaration === undefined || ts.isTypeParameterDeclaration(declaration)) return []
    return [{ name, symbol: own, declaration, doc: docOf(declaration) }]
  }
  return {
    entryPoints: files.map(({ name, path, description }) => {
      const file = program.getSourceFile(path)!
      const symbols = checker.getExportsOfModule(checker.getSymbolAtLocation(file)!)
      return { name, doc: moduleDoc(file) ?? description, exports: symbols.flatMap((symbol) => toDeclared(symbol)) }
    }),
    typeAt(name) {
      const symbol = checker.getSymbolAtLocation(name)
      return symbol && toDeclared(symbol)[0]
    },
  }
}

/** The text of a declaration's docstring, its lines joined to paragraphs. */
export function docOf(node: ts.Node): string {
  const holder = ts.isVariableDeclaration(node) ? node.parent.parent : node
  const [comment] = ts.getJSDocCommentsAndTags(holder).filter(ts.isJSDoc).slice(-1)
  return toParagraphs(ts.getTextOfJSDocComment(comment?.comment) ?? '')
}

function moduleDoc(file: ts.SourceFile): string | undefined {
  const [, comment] = /^\/\*\*(.*?)@module/s.exec(file.text) ?? []
  return comment && toParagraphs(comment.replaceAll(/^ *\* ?/gm, '').trim())
}

/** Keeps paragraphs, lists and code; joins the lines of each paragraph. */
function toParagraphs(text: string): string {
  return text
    .split(/\n\s*\n|\n(?=[-*] )/)
    .map((part) => part.replaceAll(/\s*\n\s*/g, ' '))
    .join('\n\n')
}

function entryFiles(folder: string): { readonly name: string; readonly path: string; readonly description: string }[] {
  const { name, description, exports } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))
  return Object.entries<string>(exports).map(([subpath, file]) => ({
    name: join(name, subpath),
    path: join(root, folder, file),
    description,
  }))
}

/** Resolves what is in this repository, and leaves out every other package and the library, which take most of the time. */
function createProgram(paths: readonly string[]): ts.Program {
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2024,
    module: ts.ModuleKind.NodeNext,
    allowImportingTsExtensions: true,
    jsx: ts.JsxEmit.ReactJSX,
    noEmit: true,
    noLib: true,
    types: [],
  }
  const host = ts.createCompilerHost(options)
  const isOurs = (name: string) => /^(\.|@?commitcast\b)/.test(name)
  host.resolveModuleNameLiterals = (literals, file) =>
    literals.map(({ text }) =>
      isOurs(text)
        ? ts.resolveModuleName(text, file, options, host, undefined, undefined, ts.ModuleKind.ESNext)
        : { resolvedModule: undefined },
    )
  return ts.createProgram(paths, options, host)
}
