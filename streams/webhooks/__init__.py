"""Outcomes to webhook endpoints, by the Standard Webhooks specification (https://www.standardwebhooks.com)."""
