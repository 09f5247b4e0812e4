/** Passwords that guessing begins with, of those long enough to be accepted at all. Lower case. */
export const commonPasswords: ReadonlySet<string> = new Set(
  [
    '00000000 11111111 11223344 112233445566 123123123 12341234 12345678 123456789 1234567890 1234qwer',
    '123qweasd 147258369 1q2w3e4r 1q2w3e4r5t 1qaz2wsx 87654321 88888888 987654321 a1234567 aa123456',
    'abc12345 abcd1234 abcdefgh admin123 admin1234 administrator arsenal1 asdf1234 asdfghjk asdfghjkl',
    'baseball batman123 changeme changeme1 charlie1 chelsea1 computer contraseña corvette default1',
    'dragon123 football geheim123 guest123 hallo123 iloveyou iloveyou1 internet jennifer letmein1',
    'liverpool master123 mercedes michelle monkey123 motdepasse p@ssw0rd p@ssword passw0rd password',
    'password! password. password1 password12 password123 passwort passwort1 pokemon1 princess q1w2e3r4',
    'qazwsxedc qwer1234 qwerty12 qwerty123 qwertyui qwertyuiop secret123 shadow12 starwars sunshine',
    'superman test1234 testtest trustno1 welcome1 welcome123 whatever zaq12wsx zxcvbnm1 zxcvbnmm',
  ]
    .join(' ')
    .split(' '),
);
