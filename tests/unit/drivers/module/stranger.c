/* A shared library that is no driver. */
int stranger(void);

int stranger(void)
{
    return 1;
}
