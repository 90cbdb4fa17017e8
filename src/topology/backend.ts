/** Name of HAProxy's backend that holds the web hosts, each under its host's name. */
export const webBackend = 'web';
