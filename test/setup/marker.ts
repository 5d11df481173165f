/** In the environment of every process that a test run starts; its value tells runs apart. */
export const RUN_MARKER = 'TUNNELD_TEST_RUN';
