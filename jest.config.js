/** @type {import('jest').Config} */
export default {
  testMatch: ['<rootDir>/{speed,src,packages}/**/*.spec.ts', '<rootDir>/{speed,test,packages}/**/*.e2e-spec.ts'],
  moduleNameMapper: {
    '^(\\.{1,2}/.+)\\.js$': ['$1', '$1.js'],
    // These packages have nothing for `require`.
    '^(@kubernetes-models/validate)(.*)$': [
      '<rootDir>/node_modules/$1/dist$2.js',
      '<rootDir>/node_modules/$1/dist/index.js',
    ],
    '^(@?kubernetes-models/.+)$': ['<rootDir>/node_modules/$1.js', '<rootDir>/node_modules/$1/index.js'],
  },
  // Tests run as CommonJS, and so do the packages that they import. Jest's own ES modules cannot be required on Node 20,
  // which CommonJS packages do with Nest: @nestjs/throttler, nest-winston, nestjs-i18n.
  transformIgnorePatterns: [],
  transform: {
    '\\.(ts|m?js)$': [
      '@swc/jest',
      {
        isModule: 'unknown', // A package's file may be either.
        module: { type: 'commonjs' },
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
        },
      },
    ],
  },
  globalSetup: '<rootDir>/test/support/image.js',
  setupFiles: ['<rootDir>/test/support/environment.ts'],
  setupFilesAfterEnv: ['<rootDir>/test/support/clean-up.ts'],
  // Forks are built there.
  modulePathIgnorePatterns: ['<rootDir>/test/fork/'],
  collectCoverageFrom: ['src/**/*.ts'],
  coverageProvider: 'v8',
  // Many tests wait for processes, so more of them run side by side than there are processors; but not many more, as
  // others build images and forks.
  maxWorkers: 3,
  // A bound and no measure: each test waits for what happens. A program that does not start fails much earlier, and what
  // builds images or forks has more time.
  testTimeout: 300_000,
};
