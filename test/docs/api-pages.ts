import { dirname, relative } from 'node:path'
import ts from 'typescript-6'
import { type Declared, docOf, type EntryPoint, type PublicApi } from './public-api.ts'

/** The pages of the reference that are made of docstrings: Markdown by its path. */
export function apiPages(api: PublicApi): ReadonlyMap<string, string> {
  const homes = homesOf(api)
  return new Map(
    api.entryPoints.map((entry) => [pathOf(entry), new ApiPage(api, entry, homes).text()] satisfies [string, string]),
  )
}

function pathOf({ name }: EntryPoint): string {
  return `docs/reference/api/${name.replace('@commitcast/', '').replaceAll('/', '-')}.md`
}

/** The page that describes a type: that of the first entry point that exports it. */
function homesOf({ entryPoints }: PublicApi): Map<ts.Symbol, EntryPoint> {
  const homes = new Map<ts.Symbol, EntryPoint>()
  for (const entry of entryPoints) {
    for (const { symbol } of entry.exports) homes.set(symbol, homes.get(symbol) ?? entry)
  }
  return homes
}

type TypeDeclaration = ts.InterfaceDeclaration | ts.TypeAliasDeclaration
type Property = ts.PropertySignature | ts.PropertyDeclaration
type Member = ts.PropertySignature | ts.MethodSignature | ts.CallSignatureDeclaration

const isType = (node: ts.Node): node is TypeDeclaration =>
  ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)
const isError = ({ declaration, name }: Declared) => ts.isClassDeclaration(declaration) && name !== 'CommitcastError'

class ApiPage {
  readonly #api: PublicApi
  readonly #entry: EntryPoint
  readonly #homes: ReadonlyMap<ts.Symbol, EntryPoint>

  constructor(api: PublicApi, entry: EntryPoint, homes: ReadonlyMap<ts.Symbol, EntryPoint>) {
    this.#api = api
    this.#entry = entry
    this.#homes = homes
  }

  text(): string {
    const { name, doc, exports } = this.#entry
    const all = exports.toSorted((a, b) => (a.name.toLowerCase() < b.name.toLowerCase() ? -1 : 1))
    const own = all.filter(({ symbol }) => this.#homes.get(symbol) === this.#entry)
    const types = own.filter(({ declaration }) => isType(declaration))
    const errors = own.filter(isError)
    const values = own.filter((each) => !types.includes(each) && !errors.includes(each))
    return [
      '<!-- Made of docstrings by `npm run fix`: change those. -->',
      `# \`${name}\``,
      doc,
      ...this.#section('Functions and values', values),
      ...this.#section('Types', types),
      ...this.#section('Types that are not exported', this.#mentioned(own)),
      ...this.#errors(errors),
      ...this.#elsewhere(all.filter((each) => !own.includes(each))),
    ]
      .join('\n\n')
      .concat('\n')
  }

  #section(title: string, declared: readonly Declared[]): string[] {
    return declared.length === 0 ? [] : [`## ${title}`, ...declared.flatMap((each) => this.#item(each))]
  }

  #item({ name, declaration, doc }: Declared): string[] {
    const members = isType(declaration) ? this.#members(declaration) : []
    const fields = ts.isClassDeclaration(declaration) ? fieldsOf(declaration) : members.filter(ts.isPropertySignature)
    return [
      `### ${name}`,
      code(declaration, members.length > 0 ? this.#headOf(declaration as TypeDeclaration) : signatureOf(declaration)),
      ...(doc === '' ? [] : [doc]),
      ...this.#table(fields),
      ...members.filter(ts.isMethodSignature).flatMap((method) => this.#method(method)),
    ]
  }

  /** `interface X<T> extends Y`, without what is in the table that follows. */
  #headOf(type: TypeDeclaration): string {
    const inTable = this.#parentsOf(type).map(({ name }) => name)
    const parents = ts.isInterfaceDeclaration(type)
      ? (type.heritageClauses ?? []).flatMap(({ types }) => [...types])
      : partsOf(type.type).filter((part) => !ts.isTypeLiteralNode(part))
    const others = parents
      .map((parent) => parent.getText())
      .filter((text) => !inTable.includes(text.replace(/<.*/s, '')))
    const parameters = type.typeParameters?.map((parameter) => parameter.getText()).join(', ')
    const name = type.name.text + (parameters === undefined ? '' : `<${parameters}>`)
    if (!ts.isInterfaceDeclaration(type)) return [`type ${name}`, others.join(' & ')].filter(Boolean).join(' =\n  ')
    return [`interface ${name}`, others.join(', ')].filter(Boolean).join('\n  extends ')
  }

  #method(method: ts.MethodSignature): string[] {
    return [`**\`${method.name.getText()}\`**`, code(method, method.getText()), docOf(method)].filter(
      (text) => text !== '',
    )
  }

  #table(properties: readonly Property[]): string[] {
    if (properties.length === 0) return []
    const rows = properties.map((property) => this.#row(property))
    const hasDefaults = rows.some((row) => row.default !== '')
    const lines = rows.map((row) =>
      hasDefaults ? [row.name, row.type, row.default || row.need, row.doc] : [row.name + row.mark, row.type, row.doc],
    )
    const heads = hasDefaults ? ['option', 'type', 'default', 'meaning'] : ['member', 'type', 'meaning']
    return [[heads, heads.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n')]
  }

  #row(property: Property) {
    const { meaning, standard } = splitDefault(docOf(property))
    const isOptional = property.questionToken !== undefined
    const type = property.type?.getText() ?? ''
    const line = type.replaceAll(/\/\*\*.*?\*\/\s*/gs, '').replaceAll(/\s+/g, ' ')
    return {
      name: `\`${property.name.getText()}\``,
      mark: isOptional ? ' (optional)' : '',
      need: isOptional ? 'none' : '**required**',
      type: this.#linked(cell(`\`${line}\``), property.type),
      default: cell(standard),
      doc: cell(meaning),
    }
  }

  /** A type's text, as a link where one of its names has a place in the reference. */
  #linked(text: string, type: ts.TypeNode | undefined): string {
    const [target] = type ? this.#namesIn(type).flatMap((found) => this.#linkTo(found)) : []
    return target === undefined ? text : `[${text}](${target})`
  }

  #linkTo({ name, symbol, declaration }: Declared): string[] {
    const home = this.#homes.get(symbol)
    if (home === undefined || !isType(declaration)) return []
    const path = home === this.#entry ? '' : relative(dirname(pathOf(this.#entry)), pathOf(home))
    return [`${path}#${name.toLowerCase()}`]
  }

  #errors(errors: readonly Declared[]): string[] {
    if (errors.length === 0) return []
    const rows = errors.map(({ name, declaration, doc }) => {
      const carried = fieldsOf(declaration as ts.ClassDeclaration)
        .map((field) => `\`${field.name.getText()}\``)
        .filter((field) => !/^`(code|name|retryable)`$/.test(field))
      return `| \`${name}\` | ${cell(doc)} | ${carried.join(', ')} |`
    })
    const table = ['| class | thrown when | carries |', '| --- | --- | --- |', ...rows].join('\n')
    return ['## Errors', 'The [errors](../errors.md) have the code of each, and what to do.', table]
  }

  #elsewhere(declared: readonly Declared[]): string[] {
    if (declared.length === 0) return []
    const rows = [...Map.groupBy(declared, ({ symbol }) => this.#homes.get(symbol)!)].map(([home, each]) => {
      const path = relative(dirname(pathOf(this.#entry)), pathOf(home))
      const links = each.map((one) => `[${one.name}](${path}#${isError(one) ? 'errors' : one.name.toLowerCase()})`)
      return `From [\`${home.name}\`](${path}): ${links.join(', ')}.`
    })
    return ['## Exported here, too', ...rows]
  }

  /** Interfaces that a page's functions and types mention and no entry point exports. */
  #mentioned(from: readonly Declared[]): readonly Declared[] {
    const mentioned = from.flatMap(({ declaration }) => {
      if (ts.isClassDeclaration(declaration)) return []
      const inlined = isType(declaration) ? this.#parentsOf(declaration).map(({ symbol }) => symbol) : []
      return this.#namesIn(declaration).filter(({ symbol }) => !this.#homes.has(symbol) && !inlined.includes(symbol))
    })
    const interfaces = mentioned.filter(({ declaration }) => ts.isInterfaceDeclaration(declaration))
    return [...new Map(interfaces.map((each) => [each.symbol, each])).values()].sort((a, b) =>
      a.name < b.name ? -1 : 1,
    )
  }

  /** The members of an interface, or of an intersection of objects, with those of its parts that no entry point exports. */
  #members(type: TypeDeclaration): Member[] {
    const own = ts.isInterfaceDeclaration(type) ? [...type.members] : membersIn(type.type)
    const inherited = this.#parentsOf(type).flatMap(({ declaration }) => this.#members(declaration as TypeDeclaration))
    const members = [...(own as Member[]), ...inherited]
    return members.some((member) => ts.isCallSignatureDeclaration(member)) ? [] : members
  }

  #parentsOf(type: TypeDeclaration): Declared[] {
    const parts = ts.isInterfaceDeclaration(type)
      ? (type.heritageClauses ?? []).flatMap(({ types }) => types.map(({ expression }) => expression))
      : partsOf(type.type).flatMap((part) => (ts.isTypeReferenceNode(part) ? [part.typeName] : []))
    const isPart = ts.isInterfaceDeclaration(type) || ts.isIntersectionTypeNode(type.type)
    const parents = isPart ? parts.flatMap((part) => this.#api.typeAt(part) ?? []) : []
    return parents.filter(({ declaration, symbol }) => isType(declaration) && !this.#homes.has(symbol))
  }

  /** What the types in a declaration name, without the bodies of functions. */
  #namesIn(node: ts.Node): Declared[] {
    const found: Declared[] = []
    const visit = (each: ts.Node): void => {
      if (ts.isBlock(each) || ts.isObjectLiteralExpression(each)) return
      if (ts.isTypeReferenceNode(each)) found.push(...[this.#api.typeAt(each.typeName) ?? []].flat())
      if (ts.isExpressionWithTypeArguments(each)) found.push(...[this.#api.typeAt(each.expression) ?? []].flat())
      ts.forEachChild(each, visit)
    }
    visit(node)
    return found
  }
}

function partsOf(type: ts.TypeNode): readonly ts.TypeNode[] {
  return ts.isIntersectionTypeNode(type) ? type.types : [type]
}

function membersIn(type: ts.TypeNode): ts.TypeElement[] {
  return partsOf(type).flatMap((part) => (ts.isTypeLiteralNode(part) ? [...part.members] : []))
}

function fieldsOf(declaration: ts.ClassDeclaration): ts.PropertyDeclaration[] {
  const isPublic = (member: ts.PropertyDeclaration) =>
    !ts.isPrivateIdentifier(member.name) &&
    !ts.getModifiers(member)?.some(({ kind }) => kind === ts.SyntaxKind.PrivateKeyword)
  return declaration.members.filter(ts.isPropertyDeclaration).filter(isPublic)
}

/** A declaration without its body. */
function signatureOf(node: ts.Declaration): string {
  if (ts.isFunctionDeclaration(node)) return upTo(node, node.body).replace(/\basync /, '')
  if (ts.isClassDeclaration(node)) return upTo(node, node.members[0]).replace(/\s*\{\s*$/, '')
  if (!ts.isVariableDeclaration(node)) return node.getText()
  const { initializer } = node
  if (initializer === undefined || !ts.isObjectLiteralExpression(initializer)) return `const ${node.name.getText()}`
  return `const ${node.name.getText()}: {\n${initializer.properties.map((each) => `  ${propertyText(each)}`).join('\n')}\n}`
}

function propertyText(property: ts.ObjectLiteralElementLike): string {
  const value = ts.isPropertyAssignment(property) ? property.initializer : undefined
  if (value === undefined || !ts.isArrowFunction(value)) return property.getFullText().trim()
  const parameters = value.parameters.map((parameter) => parameter.getText()).join(', ')
  return `${property.name?.getText()}(${parameters})`
}

function upTo(node: ts.Node, end: ts.Node | undefined): string {
  return end === undefined
    ? node.getText()
    : node
        .getText()
        .slice(0, end.getFullStart() - node.getStart())
        .trim()
}

/** A text that a declaration begins with, at the margin. */
function code(node: ts.Node, text: string): string {
  const before = node.getSourceFile().text.slice(0, node.getStart())
  const margin = /(?<=^|\n)( *)[^\n]*$/.exec(before)?.[1] ?? ''
  const lines = text.replaceAll(`\n${margin}`, '\n').replaceAll(/^export |\breadonly (?=\w+\??:)/gm, '')
  return `\`\`\`ts\n${lines}\n\`\`\``
}

/** Takes `Default 7 days.` out of what an option means. */
function splitDefault(doc: string): { readonly meaning: string; readonly standard: string } {
  const [sentence, standard = ''] = /(?<=^|[.;] )[Dd]efault:? (.+?)(?:\.(?= |$)|$)/.exec(doc) ?? []
  if (sentence === undefined) return { meaning: doc, standard: '' }
  const meaning = doc
    .replace(sentence, '')
    .replace(/[;]\s*$/, '.')
    .replaceAll(/\s{2,}/g, ' ')
    .trim()
  return { meaning, standard }
}

/** One line that a table can hold. */
function cell(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' ').replaceAll('|', '\\|')
}
