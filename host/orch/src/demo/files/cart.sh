#!/bin/sh
# Prints the sum of the prices given as arguments.
sum=0
for price in "$@"; do
    sum=$((sum + price))
done
echo "$sum"
