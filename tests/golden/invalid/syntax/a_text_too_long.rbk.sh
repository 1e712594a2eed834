#!/bin/sh
# A text of one byte more than a text may have.
printf 'plan p { title "'
head -c 1048576 /dev/zero | tr '\0' x
printf 'y" }\n'
