/// The command line of the baseline.
#define _GNU_SOURCE
#include "baseline.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// What `baseline` without a role prints.
static const char usage[] =
    "usage: baseline answer PORT [--ttl SECONDS] [--records N | --change SECONDS] [--on ADDRESS]\n"
    "       baseline relay PORT UPSTREAM_PORT [--sockets N] [--draw batch|question] [--rewrite OUTER INNER]\n"
    "                      [--on ADDRESS]\n"
    "       baseline load PORT [--suffix NAME] [--count N] [--rate QPS | --window N] [--seconds S]\n"
    "                       [--once] [--timeline] [--records N | --change SECONDS --ttl SECONDS]\n"
    "                       [--to ADDRESS] [--from ADDRESS [--clients N]] [--pairs] [--timeout SECONDS]\n"
    "       baseline delay PORT UPSTREAM_PORT [--delay MILLISECONDS] [--drop PERCENT] [--on ADDRESS]\n"
    "\n"
    "All on 127.0.0.1 without `--on` or `--to`. `answer` gives each question of type A one address, or N, over UDP\n"
    "and TCP, and prints how many questions on SIGUSR1. `relay` forwards over UDP from N sockets with random ports (default\n"
    "16). `load` asks n0.NAME, n1.NAME ... over UDP at a fixed rate or with a fixed number in flight, checks each\n"
    "address, and prints one line of JSON, with `--timeline` second by second. `delay` is a bad way to a server:\n"
    "it loses a share of the questions and holds each answer back; SIGUSR1 makes it a good one, and bad again.\n"
    "With `--change` a name's address changes every so often, and an answer that lives on for longer than\n"
    "the `--ttl` of the upstream allows is counted as outdated. With `--clients` the questions come from so many\n"
    "addresses, `--from` and those after it, which must be there; with `--pairs` each name is asked for A and AAAA.\n"
    "What is not answered in `--timeout` seconds (1) is lost.\n";

/// Ends with the usage and status 2.
static _Noreturn void refuse(void) {
    fputs(usage, stderr);
    exit(2);
}

/// A decimal number within bounds, or the usage.
static long number(const char *text, long low, long high) {
    char *end;
    long value = strtol(text, &end, 10);
    if (*text == 0 || *end != 0 || value < low || value > high) refuse();
    return value;
}

/// The two names of `--rewrite`; `optind` points at the second and is moved past it.
static void readRewriting(struct Options *options, int count, char **arguments) {
    if (optind >= count) refuse();
    options->rewrites = parseName(optarg, &options->outer) && parseName(arguments[optind], &options->inner);
    optind++;
    if (!options->rewrites) refuse();
}

/// Reads everything after the role.
static struct Options readOptions(int count, char **arguments) {
    struct Options options = {
        .ttl = 3600, .sockets = 16, .count = 1000, .suffix = "test.svc.cluster.local", .window = 100,
        .seconds = 3, .records = 1, .timeout = 1};
    static const struct option known[] = {
        {"ttl", required_argument, NULL, 't'},     {"sockets", required_argument, NULL, 's'},
        {"draw", required_argument, NULL, 'd'},    {"rewrite", required_argument, NULL, 'w'},
        {"suffix", required_argument, NULL, 'x'},  {"count", required_argument, NULL, 'c'},
        {"rate", required_argument, NULL, 'r'},    {"window", required_argument, NULL, 'f'},
        {"seconds", required_argument, NULL, 'l'}, {"once", no_argument, NULL, 'o'},
        {"timeline", no_argument, NULL, 'n'},      {"delay", required_argument, NULL, 'y'},
        {"drop", required_argument, NULL, 'p'},    {"change", required_argument, NULL, 'g'},
        {"to", required_argument, NULL, 'a'},      {"from", required_argument, NULL, 'm'},
        {"on", required_argument, NULL, 'b'},      {"clients", required_argument, NULL, 'e'},
        {"pairs", no_argument, NULL, 'i'},         {"records", required_argument, NULL, 'k'},
        {"timeout", required_argument, NULL, 'q'},
        {NULL, 0, NULL, 0}};
    long ports[2] = {0, 0};
    int portCount = 0, option;
    // The leading '-' hands over what is no option as option 1, in order.
    while ((option = getopt_long(count, arguments, "-", known, NULL)) != -1) {
        switch (option) {
        case 1: if (portCount == 2) refuse(); ports[portCount++] = number(optarg, 1, 65535); break;
        case 't': options.ttl = (uint32_t)number(optarg, 0, INT32_MAX); break;
        case 's': options.sockets = (int)number(optarg, 1, 256); break;
        case 'd':
            options.drawPerQuestion = strcmp(optarg, "question") == 0;
            if (!options.drawPerQuestion && strcmp(optarg, "batch") != 0) refuse();
            break;
        case 'w': readRewriting(&options, count, arguments); break;
        case 'x': options.suffix = optarg; break;
        case 'c': options.count = number(optarg, 1, 10000000); break;
        case 'r': options.rate = number(optarg, 1, 10000000); break;
        case 'f': options.window = (int)number(optarg, 1, 30000); break;
        case 'l': options.seconds = (double)number(optarg, 1, 3600); break;
        case 'o': options.once = true; break;
        case 'n': options.timeline = true; break;
        case 'y': options.delayMilliseconds = (int)number(optarg, 0, 10000); break;
        case 'p': options.dropPercent = (int)number(optarg, 0, 100); break;
        case 'g': options.change = (int)number(optarg, 1, 3600); break;
        case 'a': if (inet_pton(AF_INET, optarg, &options.to) != 1) refuse(); break;
        case 'm': if (inet_pton(AF_INET, optarg, &options.from) != 1) refuse(); break;
        case 'b': if (inet_pton(AF_INET, optarg, &options.on) != 1) refuse(); break;
        case 'e': options.clients = (int)number(optarg, 1, 65536); break;
        case 'i': options.pairs = true; break;
        case 'k': options.records = (int)number(optarg, 1, recordLimit); break;
        case 'q': options.timeout = (int)number(optarg, 1, 60); break;
        default: refuse();
        }
    }
    options.port = (uint16_t)ports[0];
    options.upstreamPort = (uint16_t)ports[1];
    bool isManyFromNowhere = options.clients > 0 && options.from == 0;
    if (portCount == 0 || isManyFromNowhere || (options.records > 1 && options.change > 0)) refuse();
    return options;
}

int main(int count, char **arguments) {
    if (count < 2) refuse();
    struct Options options = readOptions(count - 1, arguments + 1);
    if (strcmp(arguments[1], "answer") == 0) runAnswer(&options);
    if (strcmp(arguments[1], "relay") == 0 && options.upstreamPort != 0) runRelay(&options);
    if (strcmp(arguments[1], "delay") == 0 && options.upstreamPort != 0) runDelay(&options);
    if (strcmp(arguments[1], "load") == 0) return runLoad(&options);
    refuse();
}
