// black-box-tests-import-no-source, contracts-import-zod-only and clients-are-outsiders lead here
export const failures = [];
