// Places: where things stand inside the lab's own mount namespace, whose /run is an empty tmpfs.

/** The lab's directory as the inside sees it: sockets of the API, logs, the admin's credentials. */
export const insideDirectory = '/run/lab';

export const netnsFile = (netns: string): string => `/run/netns/${netns}`;
export const nodeDirectory = (nodeId: string): string => `/run/node/${nodeId}`;
