// What every-verb.mjs knows of each verb: how it is called and what it must print. A verb that is not here fails the test.
//
// args   (n) => arguments with which it does its work on the store that every-verb.mjs fills; n is 0 for text, 1 for JSON
// prints what stands in the text: the table's header, or the first name of a list of names and values
// more   further ways of calling it whose JSON must keep to the schema; or a function that gives them
// empty  the list that is printed, or the exit code, where nothing is enrolled
// absent arguments that name what is not there: exit code 3
// asks   false: needs no service
// json   false: prints nothing with --json; 'lines': one object a line
// code   its exit code when it does its work, 0 unless told

const enrollment = (command, id, spare) => ({
  [`${command} create`]: {
    args: (n) => [`made-${n}`],
    prints: /^enrollment/m,
    more: [
      [
        'full',
        '--initial-twin-tags',
        '{"line":2}',
        '--initial-twin-properties',
        '{"a":{"b":1}}',
        '--iot-hubs',
        'localhost',
      ],
      [
        'shown',
        '--show-keys',
        '--edge-enabled',
        '--reprovision-policy',
        'never',
        '--provisioning-status',
        'disabled',
      ],
    ],
  },
  [`${command} list`]: { args: () => [], prints: /^ID +STATUS/, empty: [] },
  [`${command} show`]: {
    args: () => [id],
    prints: /^enrollment.*\nstatus/m,
    more: [[id, '--show-keys']],
    absent: ['none'],
  },
  [`${command} update`]: {
    args: (n) => [id, '--initial-twin-tags', `{"n":${n}}`],
    prints: /^enrollment/m,
    more: [[id, '--show-keys', '--reprovision-policy', 'reprovisionandresetdata']],
    absent: ['none', '--edge-enabled'],
  },
  [`${command} disable`]: { args: () => [spare], prints: /^disabled enrollment/, absent: ['none'] },
  [`${command} enable`]: { args: () => [spare], prints: /^enabled enrollment/, absent: ['none'] },
  [`${command} keys show`]: {
    args: () => [id],
    prints: /^primary key .*\nsecondary key/,
    absent: ['none'],
  },
  [`${command} keys regenerate`]: {
    args: () => [spare, '--key-type', 'secondary'],
    prints: /^primary key .*\nsecondary key/,
    absent: ['none', '--key-type', 'primary'],
  },
  [`${command} delete`]: {
    args: (n) => [`doomed-${n}`, '--yes'],
    prints: /^deleted enrollment/,
    json: false,
    absent: ['none', '--yes'],
  },
})

const login = (work, daemon, profile) => [
  ...['--profile', profile, '--connection-string-file', `${work}/string`],
  ...['--ca', daemon.profile.caFile],
]

export const verbs = ({ work, daemon, group, enrollment: single, device, spare, unknown }) => ({
  serve: { asks: false, json: false },
  dev: { asks: false }, // at work in dev.sh
  login: {
    args: (n) => login(work, daemon, `made-${n}`),
    prints: /^logged in to localhost/,
    more: () => [login(work, daemon, 'out-0'), login(work, daemon, 'out-1')],
    asks: false,
  },
  'login list': { args: () => [], prints: /^PROFILE +SERVICE/, asks: false },
  'login use': {
    args: (n) => [`made-${n}`],
    prints: /^$/,
    json: false,
    asks: false,
    absent: ['none'],
  },
  'login remove': {
    args: (n) => [`made-${n}`],
    prints: /^forgot profile/,
    json: false,
    asks: false,
    absent: ['none'],
  },
  logout: {
    args: (n) => [`out-${n}`],
    prints: /^forgot profile/,
    json: false,
    asks: false,
    absent: ['none'],
  },
  'service show': { args: () => [], prints: /^ID scope .*\nhost names/ },
  ...enrollment('enrollment-group', group, spare),
  ...enrollment('enrollment', single, spare),
  'key derive': {
    args: () => ['--enrollment-group', group, '--registration-id', 'sn-1'],
    prints: /^[A-Za-z0-9+/]{43}=$/m,
    absent: ['--enrollment-group', 'none', '--registration-id', 'sn-1'],
  },
  'registration-id build': {
    args: () => ['--serial', '007', '--mac', 'A1B2.C3D4.E5F6'],
    prints: /^sn-007-mac-a1-b2-c3-d4-e5-f6$/m,
    more: [['--serial', '007', '--template', 'sn-{serial}']],
    asks: false,
  },
  'registration list': {
    args: () => [],
    prints: /^REGISTRATION ID +STATUS/,
    more: [
      ['--enrollment-group', group],
      ['--prefix', 'sn', '--status', 'assigned', '--since', '1h', '--top', '1'],
    ],
    empty: [],
    absent: ['--enrollment-group', 'none'],
  },
  'registration show': {
    args: () => [device],
    prints: /^registration .*\nstatus/m,
    absent: ['none'],
  },
  'registration delete': {
    args: (n) => [`doomed-${n}`, '--yes'],
    prints: /^deleted registration/,
    json: false,
    absent: ['none', '--yes'],
  },
  'hub create': {
    args: (n) => [`made-${n}.plant.example`, '--no-allocation'],
    prints: /^created hub/,
  },
  'hub list': { args: () => [], prints: /^HUB +ALLOCATION/, more: [['--allocation', 'false']] },
  'hub show': {
    args: () => ['localhost'],
    prints: /^hub .*\nallocation/m,
    absent: ['none.plant.example'],
  },
  'hub update': {
    args: (n) => ['localhost', '--allocation-weight', `${n + 1}`],
    prints: /^hub .*\nallocation/m,
    absent: ['none.plant.example', '--allocation', 'true'],
  },
  'hub delete': {
    args: (n) => [`doomed-${n}.plant.example`, '--yes'],
    prints: /^deleted hub/,
    json: false,
    absent: ['none.plant.example', '--yes'],
  },
  'policy list': {
    args: () => [],
    prints: /^POLICY +RIGHTS/,
    more: [['--hub', 'localhost', '--rights', 'RegistryRead']],
    absent: ['--hub', 'none.plant.example'],
  },
  'policy show': {
    args: () => [spare],
    prints: /^policy .*\nof .*\nrights/m,
    more: [
      [spare, '--show-keys'],
      ['service', '--hub', 'localhost'],
    ],
    absent: ['none'],
  },
  'policy create': {
    args: (n) => [`made-${n}`, '--rights', 'EnrollmentRead'],
    prints: /^policy .*\nof /m,
    more: [['more', '--hub', 'localhost', '-r', 'RegistryRead']],
    absent: ['made', '--hub', 'none.plant.example', '-r', 'RegistryRead'],
  },
  'policy update': {
    args: () => [spare, '--rights', 'RegistrationStatusRead'],
    prints: /^policy .*\nof /m,
    absent: ['none', '--rights', 'EnrollmentRead'],
  },
  'policy keys show': {
    args: () => [spare],
    prints: /^primary key .*\nsecondary key/,
    absent: ['none'],
  },
  'policy keys regenerate': {
    args: () => [spare, '--key-type', 'secondary'],
    prints: /^primary key .*\nsecondary key/,
    absent: ['none', '--key-type', 'primary'],
  },
  'policy delete': {
    args: (n) => [`doomed-${n}`, '--yes'],
    prints: /^deleted policy/,
    json: false,
    absent: ['none', '--yes'],
  },
  'hub monitor': {
    args: () => ['--message-count', '1'],
    prints: /^20.*Z \S+ idx=1 contentType=text\/plain hello$/m,
    json: 'lines',
    sends: true,
    absent: ['--hub', 'none.plant.example'],
  },
  'ca list': { args: () => [], prints: /^CERTIFICATE +SUBJECT/ },
  'ca export': {
    args: () => [],
    prints: /^-----BEGIN CERTIFICATE-----/,
    more: [['-o', `${work}/ca.pem`]],
  },
  // The text begins a roll-over, the JSON takes it back.
  'ca rollover': { args: (n) => (n === 0 ? [] : ['--cancel']), prints: /^CERTIFICATE +SUBJECT/ },
  'device provision': {
    args: (n) => ['--enrollment-group', group, '--registration-id', `new-${n}`],
    prints: /^Registration Information received from service: /m,
    more: [['--enrollment-group', group, '--registration-id', device, '--transport', 'https']],
    absent: ['--enrollment-group', 'none', '--registration-id', 'sn-1'],
  },
  'device list': {
    args: () => [],
    prints: /^DEVICE ID +STATUS/,
    empty: [],
    absent: ['--hub', 'none.plant.example'],
  },
  'device show': {
    args: () => [device],
    prints: /^device .*\nhub/m,
    more: [
      [device, '--show-keys'],
      [device, '--twin'],
    ],
    absent: ['none'],
  },
  'device disable': { args: () => [spare], prints: /^disabled device/, absent: ['none'] },
  'device enable': { args: () => [spare], prints: /^enabled device/, absent: ['none'] },
  'device delete': {
    args: (n) => [`doomed-${n}`, '--yes'],
    prints: /^deleted device/,
    json: false,
    absent: ['none', '--yes'],
  },
  'connection-string show': {
    args: () => [],
    prints: /^HostName=localhost;SharedAccessKeyName=/,
    more: [['--hub', 'localhost', '--key-type', 'secondary']],
    absent: ['--policy-name', 'none'],
  },
  backup: {
    args: (n) => ['--output', `${work}/${n}.berth`, '--passphrase-file', `${work}/passphrase`],
    prints: /^backed up /,
    asks: false,
  },
  // After backup: of what it wrote.
  restore: {
    args: () => ['--list', `${work}/0.berth`, '--passphrase-file', `${work}/passphrase`],
    prints: /^made .*\nby berth/,
    more: [
      [
        `${work}/0.berth`,
        '--data-dir',
        `${work}/restored`,
        '--passphrase-file',
        `${work}/passphrase`,
      ],
    ],
    asks: false,
    absent: [`${work}/none`],
  },
  explain: {
    args: () => [unknown],
    prints: /^time .*\ntracking ID/,
    more: [
      ['--last', '200'],
      ['--last', '200', '--kind', 'device', '--since', '1h'],
    ],
    empty: 3,
    absent: ['none'],
  },
})
