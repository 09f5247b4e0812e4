/** The talk page as it is sent: the document, and what it loads, by name. */
export interface TalkPageFiles {
  readonly document: string;
  readonly assets: ReadonlyMap<string, TalkPageAsset>;
}

export interface TalkPageAsset {
  readonly type: string;
  readonly body: Buffer;
}

/** Below this path all of it is served; the document stands at the path itself. */
export const TALK_PATH = '/talk';
/** Name of the document among the built files. */
export const DOCUMENT_FILE = 'index.html';

const TYPES: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
  txt: 'text/plain; charset=utf-8',
};

/** An asset with the type that its name says. Throws for a name whose type is not known. */
export function assetOf(name: string, body: Buffer): TalkPageAsset {
  const type = TYPES[name.slice(name.lastIndexOf('.') + 1)];
  if (type === undefined) throw new Error(`nobody knows the type of ${name}`);
  return { type, body };
}
