/** Where agents register, under the relay's URL. The clients dial any host of the relay. */
export const REGISTER_ENDPOINT = { path: '/_tunnel/register' } as const;
