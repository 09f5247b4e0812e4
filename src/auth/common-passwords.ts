/** Guessed early, and not in the list of the library, which knows sequences and other languages by other means. */
const further = [
  '00000000 123123123 12341234 87654321 88888888 987654321 abcdefgh admin1234 contraseña geheim123 guest123',
  'p@ssword password. push2talk walkietalkie',
];

let common: Promise<ReadonlySet<string>> | undefined;

/** Whether guessing begins with it, in any case. */
export async function isCommonPassword(password: string): Promise<boolean> {
  common ??= load();
  return (await common).has(password.toLowerCase());
}

/** Some 18000 that are long enough to be accepted at all. Only who sets passwords needs the list. */
async function load(): Promise<ReadonlySet<string>> {
  const { dictionary } = await import('@zxcvbn-ts/language-common');
  const listed = dictionary['passwords-common'].filter((password) => password.length >= 8);
  return new Set([...listed.map((password) => password.toLowerCase()), ...further.join(' ').split(' ')]);
}
