import { expect, it } from 'vitest';
import { ChallengeAnswers } from '../../../src/relayd/acme/challenge-answers.ts';
import { makeCertificate } from '../../helpers/certificate.ts';

it('an answer over HTTP is for its host and its question, until it is withdrawn', () => {
  const answers = new ChallengeAnswers();
  const withdraw = answers.offerText('figma.tunnel.test', 'question', 'answer');
  expect(answers.textFor('figma.tunnel.test', 'question')).toBe('answer');
  expect(answers.textFor('other.tunnel.test', 'question')).toBeUndefined();
  expect(answers.textFor('figma.tunnel.test', 'other')).toBeUndefined();
  withdraw();
  expect(answers.textFor('figma.tunnel.test', 'question')).toBeUndefined();
});

it('handshakes are looked at only while a certificate is an answer', () => {
  const answers = new ChallengeAnswers();
  expect(answers.pending).toBe(false);
  const { cert, key } = makeCertificate();
  const withdraw = answers.offerCertificate('figma.tunnel.test', cert, key);
  expect(answers.pending).toBe(true);
  expect(answers.contextFor('figma.tunnel.test')).toBeDefined();
  expect(answers.contextFor('other.tunnel.test')).toBeUndefined();
  withdraw();
  expect(answers.pending).toBe(false);
});
